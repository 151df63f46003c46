/** `consul acl set-agent-token`. */
import { Failure } from '../../command.ts'
import { CLIENT_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options] TYPE TOKEN',
  description:
    'Sets a token that the agent uses, until it ends: default for requests that bring none, dns for DNS. Agent, recovery, replication and config_file_service_registration are taken and have no effect.',
  examples: ['acl set-agent-token default 3f1b9c8e-0000-4000-8000-000000000000'],
  flags: CLIENT_FLAGS,
  run(call) {
    const [type, Token, ...more] = call.args
    if (type === undefined || Token === undefined || more.length > 0) {
      throw new Failure('This command requires two arguments: TYPE and TOKEN')
    }
    const kind = type === 'recovery' || type === 'master' ? 'agent_recovery' : type
    return withApi(call, async (api) => {
      await api.put(`/v1/agent/token/${encodeURIComponent(kind)}`, {}, { Token })
      call.terminal.out.line(`ACL token "${type}" set successfully`)
      return 0
    })
  },
})
