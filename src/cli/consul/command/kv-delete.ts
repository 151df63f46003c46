/** `consul kv delete`. */
import { kvPath } from '../../../discovery/consul-client.ts'
import { Failure } from '../../command.ts'
import { QUERY_FLAGS, withApi } from '../api.ts'
import { consulCommand, type FlagValues } from '../contract.ts'
import { withoutSlash } from '../kv-pair.ts'

const FLAGS = {
  ...QUERY_FLAGS,
  cas: { kind: 'switch', description: 'Only delete when the key is still at -modify-index.' },
  'modify-index': { kind: 'count', description: 'See -cas.' },
  recurse: { kind: 'switch', description: 'Delete all keys under a prefix.' },
} as const

export default consulCommand({
  usage: '[options] KEY_OR_PREFIX',
  description: 'Removes a key. One that is not there is no error.',
  examples: ['kv delete config/limit', 'kv delete -recurse config/'],
  flags: FLAGS,
  async run(call) {
    const { args, flags } = call
    const key = withoutSlash(args[0] ?? '')
    checkLine(args, key, flags)
    const { cas, recurse } = flags
    const params = { recurse: recurse || undefined, cas: cas ? flags['modify-index'] : undefined }
    return withApi(call, async (api) => {
      const text = await api.delete(kvPath(key), params)
      if (text.trim() !== 'true') throw new Failure(`Error! Did not delete key ${key}: CAS failed`)
      call.terminal.out.line(`Success! ${recurse ? 'Deleted keys with prefix' : 'Deleted key'}: ${key}`)
      return 0
    })
  },
})

/** @throws Failure for what cannot be meant. */
function checkLine(args: readonly string[], key: string, flags: FlagValues<typeof FLAGS>): void {
  const { cas, recurse, 'modify-index': index = '0' } = flags
  if (args.length > 1) throw new Failure(`Too many arguments (expected 1, got ${args.length})`)
  if (key === '' && !recurse) throw new Failure('Error! Missing KEY argument')
  if (cas && recurse) throw new Failure('Cannot specify both -cas and -recurse!')
  if (!cas && index !== '0') throw new Failure('Cannot specify -modify-index without -cas!')
  if (cas && index === '0') throw new Failure('-cas needs a -modify-index greater than 0: no key is at 0')
}
