/** `consul kv export`. */
import { kvPath } from '../../../discovery/consul-client.ts'
import { Failure } from '../../command.ts'
import { QUERY_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { showExact } from '../exact.ts'
import { type KvPair, withoutSlash } from '../kv-pair.ts'

export default consulCommand({
  usage: '[options] [PREFIX]',
  description: 'Writes all keys under a prefix as JSON, which kv import reads: of Skein and of Consul.',
  examples: ['kv export', 'kv export config/ > config.json'],
  flags: QUERY_FLAGS,
  async run(call) {
    const { args } = call
    if (args.length > 1) throw new Failure(`Too many arguments (expected 1, got ${args.length})`)
    const prefix = withoutSlash(args[0] ?? '')
    return withApi(call, async (api) => {
      const { body } = await api.get(kvPath(prefix), { recurse: true })
      const entries = ((body ?? []) as KvPair[]).map(({ Key: key, Flags: flags, Value: value }) => {
        return { key, flags, value: value ?? '' }
      })
      call.terminal.out.line(showExact(entries, '\t'))
      return 0
    })
  },
})
