/** `consul agent`: a registry that starts, reloads and ends as a Consul agent does. */
import { Failure } from '../../command.ts'
import { AGENT_FLAGS } from '../agent/flags.ts'
import { runAgent } from '../agent/run.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: `Serves Consul's HTTP API and DNS until SIGINT, SIGTERM or \`consul leave\`, then ends with status 0. SIGHUP and \`consul reload\`
read services and checks of the configuration files again. Flags and keys without effect are named on stderr.`,
  examples: ['agent -dev', 'agent -data-dir=/var/lib/consul -config-dir=/etc/consul.d'],
  flags: AGENT_FLAGS,
  lenient: true,
  async run(call) {
    if (call.args.length > 0) throw new Failure(`Unexpected extra arguments: ${call.args.join(' ')}`)
    return runAgent(call)
  },
})
