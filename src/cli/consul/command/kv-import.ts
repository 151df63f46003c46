/** `consul kv import`. */
import { kvPath } from '../../../discovery/consul-client.ts'
import { Failure } from '../../command.ts'
import { type Api, QUERY_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { readData } from '../data.ts'
import { parseExact } from '../exact.ts'

interface Entry {
  readonly key: string
  readonly flags: number | bigint
  /** Base64. */
  readonly value: string
}

export default consulCommand({
  usage: '[options] DATA',
  description:
    'Writes the keys of a JSON document that kv export made. DATA is the document itself, @file, or - for standard input.',
  flags: {
    ...QUERY_FLAGS,
    prefix: { kind: 'text', description: 'Put this before every key. Default: none.' },
  },
  async run(call) {
    const { args, flags, terminal } = call
    if (args.length > 1) throw new Failure(`Error! Too many arguments (expected 1, got ${args.length})`)
    if ((args[0] ?? '') === '') throw new Failure(`Error! ${args.length === 0 ? 'Missing' : 'Empty'} DATA argument`)
    const entries = readEntries(Buffer.from(await readData(args[0]!, call)).toString())
    return withApi(call, async (api) => {
      for (const entry of entries) {
        const key = flags.prefix === undefined ? entry.key : `${flags.prefix.replace(/\/+$/, '')}/${entry.key}`
        await write(api, key, entry)
        terminal.out.line(`Imported: ${key}`)
      }
      return 0
    })
  },
})

/** All are looked at before the first is written. @throws Failure for what is no export. */
function readEntries(text: string): Entry[] {
  const value = parse(text)
  if (!Array.isArray(value)) throw new Failure('Cannot unmarshal data: it is no list')
  return value.map((one: Partial<Record<keyof Entry, unknown>> | null, i) => {
    const { key, flags = 0, value = '' } = one ?? {}
    if (typeof key !== 'string' || key === '') throw new Failure(`Cannot unmarshal data: entry ${i} has no key`)
    if (typeof flags !== 'number' && typeof flags !== 'bigint')
      throw new Failure(`Cannot unmarshal data: flags of ${key} is no number`)
    if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
      throw new Failure(`Error base 64 decoding value for key ${key}`)
    return { key, flags, value }
  })
}

function parse(text: string): unknown {
  try {
    return parseExact(text)
  } catch (error) {
    throw new Failure(`Cannot unmarshal data: ${error instanceof Error ? error.message : error}`)
  }
}

async function write(api: Api, key: string, { flags, value }: Entry): Promise<void> {
  const done = await api.put(kvPath(key), { flags: String(flags) }, Buffer.from(value, 'base64'))
  if (done.trim() !== 'true') throw new Failure(`Error! Failed writing data for key ${key}: ${done}`)
}
