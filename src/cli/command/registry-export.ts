/** `skein registry export`: everything durable of a registry, as JSON. */
import { closeSync, fchmodSync, fstatSync, openSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { systemClock } from '../../core/clock.ts'
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { showExact } from '../consul/exact.ts'
import { collect } from '../registry/collect.ts'
import { REGISTRY_OPTIONS, withRegistry } from '../registry/connection.ts'
import { onlyUnder, PARTS, type RegistryDocument } from '../registry/document.ts'
import { inWords, progressOn } from '../registry/words.ts'

const OPTIONS = {
  ...REGISTRY_OPTIONS,
  prefix: { kind: 'text', value: 'keys', description: 'Only keys that begin with this, and nothing else.' },
} as const satisfies Options

export default defineCommand({
  name: 'registry export',
  usage: '[file] [options]',
  description: `Writes keys, services, checks, nodes, prepared queries and who is kept out as one JSON document: into the file, else to the
standard output. Sessions and their locks, events, history and tokens are not in it. Headers of checks are, secrets included.
A real Consul can be exported, too, without the definitions of its checks, which it does not tell.`,
  options: OPTIONS,
  examples: [
    ['skein registry export backup.json', 'all of it, into a file that only you can read'],
    ['skein registry export --prefix config/ > config.json', 'some of the keys'],
    ['skein registry export --registry http://10.0.0.5:8500 | skein registry import -', 'from one to another'],
  ],
  failure: 'the registry does not answer or refuses, or the file cannot be written',
  run: (context: Context<typeof OPTIONS>) => {
    const [file, ...rest] = context.args
    if (rest.length > 0) throw new UsageError('name one file, or none for the standard output')
    const { options, terminal, cwd } = context
    return withRegistry(context, async (consul) => {
      const warn = (text: string) => terminal.err.line(`Warning: ${text}`)
      const whole = await collect(consul, progressOn(terminal.err, systemClock), warn)
      const document = options.prefix === undefined ? whole : onlyUnder(options.prefix, whole)
      const text = `${showExact(document, '  ')}\n`
      if (file === undefined || file === '-') terminal.out.raw(Buffer.from(text))
      else {
        writePrivately(path.resolve(cwd, file), text)
        const counts = sizesOf(document)
        if (terminal.wantsJson) terminal.json({ file, exported: counts })
        else terminal.out.line(`${terminal.out.paint('green', '✓')} ${file}: ${inWords(counts)}`)
      }
      return 0
    })
  },
})

/** Readable by its owner only, also where a file was there that others could read: it may hold secrets. */
function writePrivately(file: string, text: string): void {
  const handle = openSync(file, 'w', 0o600)
  try {
    if (fstatSync(handle).isFile()) fchmodSync(handle, 0o600)
    writeFileSync(handle, text)
  } finally {
    closeSync(handle)
  }
}

function sizesOf(document: RegistryDocument) {
  return Object.fromEntries(PARTS.map((part) => [part, document[part].length]).filter(([, size]) => size !== 0))
}
