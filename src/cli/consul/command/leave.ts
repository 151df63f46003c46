/** `consul leave`. */
import { CLIENT_FLAGS } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { askProcess } from '../process.ts'

export default consulCommand({
  usage: '[options]',
  description:
    'Makes an agent that `consul agent` started answer what it holds, close its storage and end with status 0.',
  examples: ['leave'],
  flags: CLIENT_FLAGS,
  run: (call) => askProcess(call, 'leave', 'Graceful leave complete'),
})
