/** `consul lock`: refused, because a lock that is not held would be worse than none. */
import { Failure } from '../../command.ts'
import { CLIENT_FLAGS } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options] prefix child …',
  description: 'Refused: it needs sessions, and this command does not keep any yet.',
  flags: CLIENT_FLAGS,
  lenient: true,
  async run() {
    throw new Failure(
      'consul lock needs a session that is kept alive, which this command cannot do yet; nothing was run',
      "On one machine flock does the same; over several, Consul's own command and server.",
    )
  },
})
