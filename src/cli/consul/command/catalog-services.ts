/** `consul catalog services`. */
import { type Api, QUERY_FLAGS, withApi } from '../api.ts'
import { columns } from '../columns.ts'
import { consulCommand } from '../contract.ts'
import { pairsOf } from '../pairs.ts'

/** Tags by the name of the service. */
type Services = ReadonlyMap<string, readonly string[]>

export default consulCommand({
  usage: '[options]',
  description: 'Lists the names of the services.',
  examples: ['catalog services -tags'],
  flags: {
    ...QUERY_FLAGS,
    tags: { kind: 'switch', description: 'Show the tags of each.' },
    node: { kind: 'text', description: 'Only the services of this node.' },
    'node-meta': { kind: 'list', description: 'Only services of nodes with this key=value. May be repeated.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const { tags, node } = call.flags
      const meta = pairsOf('node-meta', call.flags['node-meta']).map((pair) => pair.join(':'))
      const services = node === undefined ? await allServices(api, meta) : await servicesOf(api, node)
      const { out, err } = call.terminal
      if (services.size === 0) err.line('No services match the given query - try expanding your search.')
      const names = [...services.keys()].sort()
      const rows = names.map((name) => (tags ? [name, services.get(name)!.toSorted().join(',')] : [name]))
      for (const line of columns(rows, 6)) out.line(line)
      return 0
    }),
})

async function allServices(api: Api, meta: readonly string[]): Promise<Services> {
  const { body } = await api.get('/v1/catalog/services', { 'node-meta': meta })
  return new Map(Object.entries(body as Record<string, string[]>))
}

async function servicesOf(api: Api, node: string): Promise<Services> {
  const { body } = await api.get(`/v1/catalog/node/${encodeURIComponent(node)}`)
  const found =
    (body as { Services: Record<string, { Service: string; Tags: string[] | null }> } | null)?.Services ?? {}
  const groups = Map.groupBy(Object.values(found), ({ Service }) => Service)
  return new Map([...groups].map(([name, instances]) => [name, instances.flatMap(({ Tags }) => Tags ?? [])]))
}
