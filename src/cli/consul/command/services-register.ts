/** `consul services register`. */
import { Failure } from '../../command.ts'
import { type Api, QUERY_FLAGS, withApi } from '../api.ts'
import type { Fields } from '../config/check.ts'
import { loadConfig } from '../config/load.ts'
import { consulCommand, type FlagValues } from '../contract.ts'
import { pairsOf } from '../pairs.ts'

const FLAGS = {
  ...QUERY_FLAGS,
  name: { kind: 'text', description: 'Name of the service; not with files.' },
  id: { kind: 'text', description: 'ID. Default: the name.' },
  address: { kind: 'text', description: "Address. Default: the agent's." },
  port: { kind: 'port', description: 'Port.' },
  socket: { kind: 'text', description: 'Path of a unix socket, in place of address and port.' },
  tag: { kind: 'list', description: 'A tag. May be repeated.' },
  meta: { kind: 'list', description: 'key=value. May be repeated.' },
  'tagged-address': { kind: 'list', description: 'name=address:port. May be repeated.' },
  kind: { kind: 'text', description: 'For a service mesh, which there is not.' },
} as const

type Given = FlagValues<typeof FLAGS>

export default consulCommand({
  usage: '[options] [FILE…]',
  description: 'Registers a service by flags, or all of configuration files.',
  examples: ['services register -name=web -port=80 -tag=v1', 'services register web.json'],
  flags: FLAGS,
  async run(call) {
    const { args, flags, cwd, terminal } = call
    if (args.length === 0 && flags.name === undefined)
      throw new Failure('Service registration requires at least one argument or flags.')
    if (args.length > 0 && flags.name !== undefined)
      throw new Failure('Service registration requires arguments or -name, not both.')
    const { services, warnings } = loadConfig(
      args.map((name) => ({ name })),
      cwd,
    )
    for (const warning of warnings) terminal.err.line(`Warning: ${warning}`)
    const bodies = args.length === 0 ? [bodyOf(flags)] : services.map(({ body }) => body)
    return withApi(call, async (api) => {
      for (const body of bodies) terminal.out.line(`Registered service: ${await register(api, body)}`)
      return 0
    })
  },
})

function bodyOf(flags: Given): Fields {
  return {
    Name: flags.name,
    ID: flags.id,
    Address: flags.address,
    Port: flags.port,
    SocketPath: flags.socket,
    Kind: flags.kind,
    Tags: flags.tag,
    Meta: Object.fromEntries(pairsOf('meta', flags.meta)),
    TaggedAddresses: Object.fromEntries(pairsOf('tagged-address', flags['tagged-address']).map(addressOf)),
  }
}

/** `address:port`, or an address alone. */
function addressOf([name, text]: [string, string]): [string, Fields] {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? []
  const address = bracketed ?? plain
  if (address === undefined) throw new Failure(`Invalid Tagged Address: ${text}: write address:port`)
  return [name, { Address: address, Port: Number(port ?? 0) }]
}

/** The name of the service. */
async function register(api: Api, body: Fields): Promise<string> {
  const name = String(body['Name'] ?? '')
  try {
    await api.put('/v1/agent/service/register', {}, body)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(`Error registering service ${JSON.stringify(name)}: ${error.message}`)
  }
  return name
}
