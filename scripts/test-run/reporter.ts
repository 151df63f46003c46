/** node's spec report, then what was skipped and why, then node's summary as the last lines. */
import path from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { spec, type TestEvent } from 'node:test/reporters'

interface Outcome {
  readonly name: string
  readonly file?: string | undefined
  readonly skip?: string | boolean | undefined
  readonly details: { readonly type?: string | undefined }
}

/** What a run was made of, told from its events. */
class Tally {
  ran = 0
  readonly skipped: string[] = []
  readonly summary: string[] = []

  add(event: TestEvent): void {
    if (event.type === 'test:pass' || event.type === 'test:fail') this.#outcome(event.data)
    else if (event.type === 'test:diagnostic' && isTotal(event)) this.summary.push(`ℹ ${event.data.message}`)
  }

  #outcome({ name, file, skip, details }: Outcome): void {
    const isWholeFile = file !== undefined && path.resolve(name) === file
    if (skip !== undefined && skip !== false) {
      const reason = typeof skip === 'string' && skip !== '' ? skip : 'no reason given'
      this.skipped.push(`${path.relative('.', file ?? '')}: ${name}: ${reason}`)
    } else if (details.type !== 'suite' && !isWholeFile) this.ran++
  }

  lines(): string[] {
    const none = this.ran === 0 ? ['✖ no test ran, so this run proves nothing'] : []
    const skipped = this.skipped.length === 0 ? ['nothing skipped'] : ['skipped:', ...this.skipped.map((s) => `  ${s}`)]
    return [...none, ...skipped, ...this.summary]
  }
}

/** The totals which node gives at the very end; a test's own diagnostics belong to a file. */
function isTotal(event: TestEvent & { type: 'test:diagnostic' }): boolean {
  return (
    event.data.nesting === 0 &&
    /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(event.data.message)
  )
}

/** What `node --test --test-reporter` calls. */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string | Buffer> {
  const tally = new Tally()
  const toSpec = new PassThrough({ objectMode: true })
  const specText: Readable = toSpec.pipe(new spec())
  const fed = (async () => {
    for await (const event of events) {
      tally.add(event)
      if (event.type !== 'test:diagnostic' || !isTotal(event)) toSpec.write(event)
    }
    toSpec.end()
  })()
  yield* specText
  await fed
  if (tally.ran === 0) process.exitCode = 1
  yield `\n${tally.lines().join('\n')}\n`
}
