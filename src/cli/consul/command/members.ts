/** `consul members`: the one server there is, as any script expects it. */
import { isIPv6 } from 'node:net'
import { Failure } from '../../command.ts'
import { CLIENT_FLAGS, withApi } from '../api.ts'
import { columns } from '../columns.ts'
import { consulCommand } from '../contract.ts'

interface Member {
  readonly Name: string
  readonly Addr: string
  readonly Port: number
  readonly Status: number
  readonly Tags: Readonly<Record<string, string>>
}

/** By the number that Serf gives them. */
const STATUSES = ['none', 'alive', 'leaving', 'left', 'failed']
const HEAD = ['Node', 'Address', 'Status', 'Type', 'Build', 'Protocol', 'DC', 'Partition', 'Segment']

export default consulCommand({
  usage: '[options]',
  description: 'Lists the members of the cluster. Exit status 2: none matches.',
  examples: ['members', 'members -status=alive -detailed'],
  flags: {
    ...CLIENT_FLAGS,
    detailed: { kind: 'switch', description: 'Show all tags of each.' },
    status: { kind: 'text', description: 'Only those whose status matches this regular expression.' },
    wan: { kind: 'switch', description: 'Those of other datacenters as well.' },
    segment: { kind: 'text', description: '', ignored: 'segments are a feature of Consul Enterprise' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const { detailed, status = '', wan } = call.flags
      const pattern = readPattern(status)
      const { body } = await api.get('/v1/agent/members', { wan: wan ? '1' : undefined })
      const shown = (body as Member[]).filter((member) => pattern.test(statusOf(member)))
      if (shown.length === 0) return 2
      const rows = detailed
        ? [['Node', 'Address', 'Status', 'Tags'], ...shown.map(detailedRow)]
        : [HEAD, ...shown.map(standardRow)]
      for (const line of columns(rows)) call.terminal.out.line(line)
      return 0
    }),
})

function readPattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    throw new Failure(`Failed to compile status regexp: ${error instanceof Error ? error.message : error}`)
  }
}

const statusOf = ({ Status }: Member) => STATUSES[Status] ?? 'unknown'

function addressOf({ Addr, Port }: Member): string {
  return isIPv6(Addr) ? `[${Addr}]:${Port}` : `${Addr}:${Port}`
}

function standardRow(member: Member): string[] {
  const { role = '', build = '', vsn = '', dc = '', ap = 'default', segment = '' } = member.Tags
  const isServer = role === 'consul'
  const place = [dc, ap, isServer ? '<all>' : segment || '<default>']
  return [
    member.Name,
    addressOf(member),
    statusOf(member),
    isServer ? 'server' : 'client',
    build.split(':')[0]!,
    vsn,
    ...place,
  ]
}

function detailedRow(member: Member): string[] {
  const tags = Object.entries(member.Tags).sort(([a], [b]) => (a < b ? -1 : 1))
  return [member.Name, addressOf(member), statusOf(member), tags.map(([name, value]) => `${name}=${value}`).join(',')]
}
