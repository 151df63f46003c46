/** `consul maint`. */
import type { ExitStatus } from '../../command.ts'
import { Failure } from '../../command.ts'
import type { Output } from '../../ui/terminal.ts'
import { type Api, CLIENT_FLAGS, withApi } from '../api.ts'
import { consulCommand, type FlagValues } from '../contract.ts'

const FLAGS = {
  ...CLIENT_FLAGS,
  enable: { kind: 'switch', description: 'Begin.' },
  disable: { kind: 'switch', description: 'End.' },
  reason: { kind: 'text', description: 'Why; shown in the notes of the check. Only with -enable.' },
  service: { kind: 'text', description: 'ID of one service. Default: the whole node.' },
} as const

interface Check {
  readonly CheckID: string
  readonly ServiceID: string
  readonly Node: string
  readonly Notes: string
}

export default consulCommand({
  usage: '[options]',
  description:
    'Takes a service, or every service of the node, out of the answers, and puts it back. Without flags: who is out.',
  examples: ["maint -enable -service=web-1 -reason='new disk'", 'maint -disable -service=web-1', 'maint'],
  flags: FLAGS,
  async run(call) {
    const { enable, disable, reason, service } = call.flags
    if (enable && disable) throw new Failure('Only one of -enable or -disable may be provided')
    if (!enable && reason !== undefined) throw new Failure('Reason may only be provided with -enable')
    const isList = !enable && !disable
    if (isList && service !== undefined) throw new Failure('Service requires either -enable or -disable')
    return withApi(call, (api) => (isList ? list(api, call.terminal.out) : set(api, call.flags, call.terminal.out)))
  },
})

async function list(api: Api, out: Output): Promise<ExitStatus> {
  const { body } = await api.get('/v1/agent/checks')
  for (const { CheckID, ServiceID, Node, Notes } of Object.values(body as Record<string, Check>)) {
    if (CheckID === '_node_maintenance') show(out, 'Node', 'Name:  ', Node, Notes)
    else if (CheckID.startsWith('_service_maintenance:')) show(out, 'Service', 'ID:    ', ServiceID, Notes)
  }
  return 0
}

function show(out: Output, what: string, label: string, name: string, reason: string): void {
  for (const line of [`${what}:`, `  ${label} ${name}`, `  Reason: ${reason}`, '']) out.line(line)
}

async function set(api: Api, flags: FlagValues<typeof FLAGS>, out: Output): Promise<ExitStatus> {
  const { service, reason } = flags
  const enable = flags.enable === true
  const params = { enable: String(enable), reason: enable ? reason : undefined }
  const state = enable ? 'enabled' : 'disabled'
  if (service === undefined) {
    await api.put('/v1/agent/maintenance', params)
    out.line(`Node maintenance is now ${state}`)
  } else {
    await api.put(`/v1/agent/service/maintenance/${encodeURIComponent(service)}`, params)
    out.line(`Service maintenance is now ${state} for ${JSON.stringify(service)}`)
  }
  return 0
}
