/** `consul version`. */
import { BUILD_DATE, CONSUL_VERSION } from '../../../registry/api/agent.ts'
import { Failure } from '../../command.ts'
import { version } from '../../version.ts'
import { consulCommand } from '../contract.ts'

/** Of Consul's gossip, which is not spoken here: for programs that look. */
const RPC = { Default: 2, Min: 2, Max: 3 }

export default consulCommand({
  usage: '[options]',
  description: 'Shows the Consul whose API this is, and the version of Skein.',
  examples: ['version', 'version -format=json'],
  flags: { format: { kind: 'text', description: 'pretty (default) or json.' } },
  async run({ flags, terminal: { out } }) {
    const { format = 'pretty' } = flags
    if (format !== 'pretty' && format !== 'json') throw new Failure(`Unknown format: ${format}`)
    const shown = {
      Version: CONSUL_VERSION,
      Revision: '',
      Prerelease: '',
      BuildDate: BUILD_DATE,
      RPC,
      Skein: version(),
    }
    if (format === 'json') out.line(JSON.stringify(shown, null, 4))
    else {
      out.line(`Consul v${CONSUL_VERSION}`)
      out.line(`Skein v${version()}, which speaks the API of that Consul and is not made by its makers`)
    }
    return 0
  },
})
