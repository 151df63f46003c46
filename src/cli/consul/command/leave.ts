/** `consul leave`. */
import { CLIENT_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description:
    'Makes an agent that `consul agent` started answer what it holds, close its storage and end with status 0.',
  flags: CLIENT_FLAGS,
  run: (call) =>
    withApi(call, async (api) => {
      await api.put('/v1/agent/leave')
      call.terminal.out.line('Graceful leave complete')
      return 0
    }),
})
