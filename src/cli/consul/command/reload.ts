/** `consul reload`. */
import { CLIENT_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Makes an agent that `consul agent` started read its configuration files again, as SIGHUP does.',
  flags: CLIENT_FLAGS,
  run: (call) =>
    withApi(call, async (api) => {
      await api.put('/v1/agent/reload')
      call.terminal.out.line('Configuration reload triggered')
      return 0
    }),
})
