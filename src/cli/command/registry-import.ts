/** `skein registry import`: brings an export into a registry. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { systemClock } from '../../core/clock.ts'
import type { ConsulClient } from '../../discovery/consul-client.ts'
import { type Context, defineCommand, type ExitStatus, Failure, type Options, UsageError } from '../command.ts'
import { parseExact } from '../consul/exact.ts'
import { REGISTRY_OPTIONS, withRegistry } from '../registry/connection.ts'
import { onlyUnder, type RegistryDocument, readDocument } from '../registry/document.ts'
import { inWords, progressOn } from '../registry/words.ts'
import { carryOut, count, type Outcome, type Plan, planImport } from '../registry/write.ts'

const OPTIONS = {
  ...REGISTRY_OPTIONS,
  prefix: { kind: 'text', value: 'keys', description: 'Only keys that begin with this, and nothing else.' },
  'dry-run': { kind: 'flag', description: 'Say what would be written, and write nothing.' },
} as const satisfies Options

type Call = Context<typeof OPTIONS>

export default defineCommand({
  name: 'registry import',
  usage: '<file | -> [options]',
  description: `Writes what skein registry export, or consul kv export, has written into a registry. What is there and not in the file
stays; keys that are there already as they are in the file are not written again. Keys go in transactions of up to 64. It ends
with the first request that fails and says what was written and what was not: called again it goes on from there.`,
  options: OPTIONS,
  examples: [
    ['skein registry import backup.json --dry-run', 'what would be written'],
    ['skein registry import backup.json', 'write it'],
    ['consul kv export | skein registry import -', 'the keys of a Consul, from the standard input'],
  ],
  failure: 'the file is no export, or not all of it could be written; stderr says what was not',
  run: async (context: Call) => {
    const [file, ...rest] = context.args
    if (file === undefined || rest.length > 0) throw new UsageError('name one file, or - for the standard input')
    const whole = await read(file, context.cwd)
    const document = context.options.prefix === undefined ? whole : onlyUnder(context.options.prefix, whole)
    return withRegistry(context, async (consul) => {
      const plan = await planImport(document, consul)
      return context.options['dry-run'] === true ? tellPlan(plan, context) : write(plan, consul, context)
    })
  },
})

/** @throws Failure naming the file. */
async function read(file: string, cwd: string): Promise<RegistryDocument> {
  try {
    const bytes =
      file === '-' ? Buffer.concat(await Array.fromAsync(process.stdin)) : readFileSync(path.resolve(cwd, file))
    return readDocument(parseExact(bytes.toString()), file)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`${file} cannot be read: ${(error as Error).message}`)
  }
}

function tellPlan({ steps, same }: Plan, { terminal }: Call): ExitStatus {
  const counts = count(steps)
  if (terminal.wantsJson) terminal.json({ wouldWrite: counts, same })
  else terminal.out.line(`would write ${inWords(counts)}${already(same)}`)
  return 0
}

const already = (same: number) => (same === 0 ? '' : `; ${inWords({ kv: same })} already there`)

async function write(plan: Plan, consul: ConsulClient, { terminal }: Call): Promise<ExitStatus> {
  const outcome = await carryOut(plan, consul, progressOn(terminal.err, systemClock))
  const { written, failed } = outcome
  if (terminal.wantsJson) terminal.json({ ...outcome, same: plan.same })
  else if (failed === undefined)
    terminal.out.line(`${terminal.out.paint('green', '✓')} wrote ${inWords(written)}${already(plan.same)}`)
  if (failed === undefined) return 0
  for (const line of explain(outcome)) terminal.err.line(line)
  return 1
}

const SHOWN = 5

function explain({ written, failed, left }: Outcome): string[] {
  const { names, reason, part } = failed!
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more of the same transaction` : ''
  return [
    `Error: ${part}: ${names.slice(0, SHOWN).join(', ')}${more}: ${reason}`,
    `Written: ${inWords(written)}. Not written: ${inWords(left)}.`,
    'Mend the cause and run it again: it goes on from there.',
  ]
}
