/** `consul catalog nodes`. */
import { type Api, QUERY_FLAGS, withApi } from '../api.ts'
import { columns } from '../columns.ts'
import { consulCommand } from '../contract.ts'
import { pairsOf } from '../pairs.ts'

interface Node {
  readonly ID: string
  readonly Node: string
  readonly Address: string
  readonly Datacenter: string
  readonly TaggedAddresses: Readonly<Record<string, string>> | null
  readonly Meta?: Readonly<Record<string, string>> | null
  /** In place of Meta in the entries of a service. */
  readonly NodeMeta?: Readonly<Record<string, string>> | null
}

const HEAD = ['Node', 'ID', 'Address', 'DC']

export default consulCommand({
  usage: '[options]',
  description: 'Lists the nodes, or those that have a service.',
  examples: ['catalog nodes', 'catalog nodes -service=web -detailed'],
  flags: {
    ...QUERY_FLAGS,
    detailed: { kind: 'switch', description: 'Show whole IDs, tagged addresses and metadata.' },
    service: { kind: 'text', description: 'Only nodes that have this service.' },
    filter: { kind: 'text', description: "Only nodes that match this expression of Consul's filter language." },
    near: { kind: 'text', description: 'Sort by distance from this node.' },
    'node-meta': { kind: 'list', description: 'Only nodes with this key=value. May be repeated.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const { out, err } = call.terminal
      const nodes = await nodesOf(api, call.flags)
      if (nodes.length === 0) err.line('No nodes match the given query - try expanding your search.')
      else for (const line of columns(rowsOf(nodes, call.flags.detailed === true))) out.line(line)
      return 0
    }),
})

async function nodesOf(
  api: Api,
  flags: {
    service?: string | undefined
    filter?: string | undefined
    near?: string | undefined
    'node-meta'?: readonly string[] | undefined
  },
): Promise<Node[]> {
  const { service, filter, near } = flags
  const params = { filter, near, 'node-meta': pairsOf('node-meta', flags['node-meta']).map((pair) => pair.join(':')) }
  const path = service === undefined ? '/v1/catalog/nodes' : `/v1/catalog/service/${encodeURIComponent(service)}`
  return (await api.get(path, params)).body as Node[]
}

function rowsOf(nodes: readonly Node[], isDetailed: boolean): string[][] {
  const head = isDetailed ? [...HEAD, 'TaggedAddresses', 'Meta'] : HEAD
  return [head, ...nodes.map((node) => rowOf(node, isDetailed))]
}

function rowOf(
  { ID, Node, Address, Datacenter, TaggedAddresses, Meta, NodeMeta }: Node,
  isDetailed: boolean,
): string[] {
  if (!isDetailed) return [Node, ID.split('-')[0]!, Address, Datacenter]
  return [Node, ID, Address, Datacenter, listOf(TaggedAddresses), listOf(Meta ?? NodeMeta)]
}

function listOf(map: Readonly<Record<string, string>> | null | undefined): string {
  const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([name, value]) => `${name}=${value}`).join(', ')
}
