/** `consul kv import`. */
import { kvPath } from '../../../discovery/consul-client.ts'
import { Failure } from '../../command.ts'
import { type Api, QUERY_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { readData } from '../data.ts'
import { type KvEntry, readKvEntries } from '../kv-entries.ts'

export default consulCommand({
  usage: '[options] DATA',
  description:
    'Writes the keys of a JSON document that kv export made. DATA is the document itself, @file, or - for standard input.',
  examples: ['kv import @config.json', 'kv import - < config.json'],
  flags: {
    ...QUERY_FLAGS,
    prefix: { kind: 'text', description: 'Put this before every key. Default: none.' },
  },
  async run(call) {
    const { args, flags, terminal } = call
    if (args.length > 1) throw new Failure(`Error! Too many arguments (expected 1, got ${args.length})`)
    if ((args[0] ?? '') === '') throw new Failure(`Error! ${args.length === 0 ? 'Missing' : 'Empty'} DATA argument`)
    const entries = readKvEntries(Buffer.from(await readData(args[0]!, call)).toString())
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

async function write(api: Api, key: string, { flags, value }: KvEntry): Promise<void> {
  const done = await api.put(kvPath(key), { flags: String(flags) }, Buffer.from(value, 'base64'))
  if (done.trim() !== 'true') throw new Failure(`Error! Failed writing data for key ${key}: ${done}`)
}
