/** `consul lock`: refused, because a lock that is not held would be worse than none. */
import { Failure } from '../../command.ts'
import { CLIENT_FLAGS } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options] prefix child …',
  description: 'Refused: a lock needs sessions, which the registry does not have yet.',
  flags: CLIENT_FLAGS,
  lenient: true,
  async run() {
    throw new Failure(
      "consul lock needs sessions, which Skein's registry does not have yet; nothing was run",
      'On one machine flock does the same; over several, keep a real Consul for the locks (SKEIN_REGISTRY names one).',
    )
  },
})
