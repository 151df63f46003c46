/** `consul reload`. */
import { CLIENT_FLAGS } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { askProcess } from '../process.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Makes an agent that `consul agent` started read its configuration files again, as SIGHUP does.',
  examples: ['reload'],
  flags: CLIENT_FLAGS,
  run: (call) => askProcess(call, 'reload', 'Configuration reload triggered'),
})
