/**
 * /v1/coordinate: where nodes are in the network. Nothing is measured here, so the registry's own node is where Consul puts
 * one that it knows nothing of, and coordinate/update is not there: what it would be told has no effect on anything.
 */
import { RESOURCE } from '../state/resources.ts'
import { encodeJson } from './encoded.ts'
import { type ApiRequest, type Endpoint, json, nameOf, type Registry } from './endpoint.ts'
import { type Read, read } from './read.ts'

export const COORDINATE: readonly Endpoint[] = [
  { path: '/v1/coordinate/nodes', GET: read(nodes) },
  { path: '/v1/coordinate/node/', GET: read(node) },
  { path: '/v1/coordinate/datacenters', GET: (_request, registry) => json([datacenterOf(registry)]) },
]

/** No distance to anything, and no trust in it. */
export const COORDINATES = { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 0.00001 }

const ownNode = (registry: Registry) => ({ Node: registry.node, Segment: '', Coord: COORDINATES })

function nodes(_request: ApiRequest, registry: Registry): Read {
  return about(registry, (sight) => encodeJson(sight.node(registry.node) ? [ownNode(registry)] : []))
}

function node(request: ApiRequest, registry: Registry): Read {
  const name = nameOf(request, 'Missing node name')
  const encode = () => (name === registry.node ? encodeJson([ownNode(registry)]) : undefined)
  return { ...about(registry, encode), check: (rights) => rights.require('node', 'read', name) }
}

/** The answer stays, so whoever waits sleeps to the deadline. */
function about({ store: { state } }: Registry, encode: Read['encode']): Read {
  return { resources: [RESOURCE.nodes], index: () => state.indexOf(RESOURCE.nodes), encode, suppress: true }
}

function datacenterOf(registry: Registry) {
  return { Datacenter: registry.datacenter, AreaID: 'wan', Coordinates: [ownNode(registry)] }
}
