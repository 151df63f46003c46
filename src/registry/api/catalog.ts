/** /v1/catalog, reading: nodes, services and which runs where. */

import type { Sight } from '../acl/sight.ts'
import { NODE_FIELDS, NODE_SERVICE_FIELDS, SERVICE_NODE_FIELDS } from '../filter/fields.ts'
import type { NodeRecord, ServiceRecord } from '../state/records.ts'
import { instancesResource, nodeResource, RESOURCE } from '../state/resources.ts'
import { catalogDeregister, catalogRegister } from './catalog-write.ts'
import { encodeJson } from './encoded.ts'
import { type ApiRequest, type Endpoint, json, nameOf, type Registry } from './endpoint.ts'
import { cachedHeaders } from './health.ts'
import { showNode, showNodeService, showServiceNode } from './present.ts'
import { type Read, read } from './read.ts'
import { filterOf, hasMeta, near, nodeMeta, order, selectInstances } from './select.ts'

export const CATALOG: readonly Endpoint[] = [
  { path: '/v1/catalog/datacenters', GET: (_request, registry) => json([registry.datacenter]) },
  { path: '/v1/catalog/nodes', GET: read(nodes, true) },
  { path: '/v1/catalog/services', GET: read(services, true) },
  { path: '/v1/catalog/service/', GET: read(service, true) },
  { path: '/v1/catalog/node/', GET: read(node, true) },
  { path: '/v1/catalog/node-services/', GET: read(nodeServices, true) },
  { path: '/v1/catalog/register', PUT: catalogRegister },
  { path: '/v1/catalog/deregister', PUT: catalogDeregister },
]

function nodes(request: ApiRequest, registry: Registry): Read {
  const { state } = registry.store
  const meta = nodeMeta(request.query)
  const nearest = near(registry, request.query)
  const rank = (record: NodeRecord) => (record.Node === nearest ? 0 : 1)
  const filter = filterOf(request, NODE_FIELDS)
  return {
    resources: [RESOURCE.nodes],
    index: () => state.indexOf(RESOURCE.nodes),
    encode: (sight) => {
      const found = [...state.nodes.values()].filter((record) => hasMeta(record, meta) && sight.node(record.Node))
      found.sort((a, b) => rank(a) - rank(b) || order(a.Node, b.Node))
      return encodeJson(found.map((record) => showNode(record, registry.datacenter)).filter(filter()))
    },
    cache: true,
  }
}

/** Never suppressed: clients take a wake-up of this one as "something changed" and then look closer (Spring, APISIX). */
function services(request: ApiRequest, registry: Registry): Read {
  const { state } = registry.store
  const wanted = wantedInstance(request, registry)
  return {
    resources: [RESOURCE.services],
    index: () => state.indexOf(RESOURCE.services),
    // Tests of a node's meta see changes that do not move the index.
    version: () => state.indexOf(RESOURCE.nodes),
    encode: (sight) => encodeJson(tagsByService(registry, wanted(), sight)),
    cache: true,
    headers: cachedHeaders(request),
  }
}

/** Names sorted, tags in the order of the instances, first seen first. */
function tagsByService({ store: { state } }: Registry, wanted: InstanceTest, sight: Sight): Record<string, string[]> {
  const names = [...state.instances.names()].filter((name) => sight.service(name)).sort()
  const entries = names.flatMap((name): [string, string[]][] => {
    const instances = [...state.instances.get(name).values()].filter(wanted)
    return instances.length === 0 ? [] : [[name, unionOfTags(instances)]]
  })
  return Object.fromEntries(entries)
}

type InstanceTest = (service: ServiceRecord) => boolean

/** `node-meta` and `filter`, asked of each instance before the tags are joined; anew for each answer. */
function wantedInstance(request: ApiRequest, { store: { state }, datacenter }: Registry): () => InstanceTest {
  const meta = nodeMeta(request.query)
  const begin = filterOf(request, SERVICE_NODE_FIELDS)
  if (meta.length === 0 && !request.query.get('filter')) return () => () => true
  return () => {
    const filter = begin()
    return (service) => {
      const record = state.nodes.get(service.Node)
      return record !== undefined && hasMeta(record, meta) && filter(showServiceNode(record, service, datacenter))
    }
  }
}

function unionOfTags(instances: ServiceRecord[]): string[] {
  if (instances.every(({ Tags }) => Tags.length === 0)) return []
  const sorted = instances.sort((a, b) => order(a.Node, b.Node) || order(a.ID, b.ID))
  return [...new Set(sorted.flatMap(({ Tags }) => Tags))]
}

function service(request: ApiRequest, registry: Registry): Read {
  const { state } = registry.store
  const name = nameOf(request, 'Missing service name')
  const filter = filterOf(request, SERVICE_NODE_FIELDS)
  return {
    resources: [instancesResource(name), RESOURCE.extinction],
    index: () => state.serviceIndex(name),
    encode: (sight) => {
      const found = selectInstances(registry, name, request.query, sight)
      return encodeJson(
        found.map((one) => showServiceNode(one.node, one.service, registry.datacenter)).filter(filter()),
      )
    },
    suppress: true,
    cache: true,
    headers: cachedHeaders(request),
  }
}

function node(request: ApiRequest, registry: Registry): Read {
  return nodeWith(request, registry, null, (found) => Object.fromEntries(found.map((one) => [one.ID, one])))
}

function nodeServices(request: ApiRequest, registry: Registry): Read {
  return nodeWith(request, registry, { Node: null, Services: null }, (found) => found)
}

type NodeService = ReturnType<typeof showNodeService>

function nodeWith(
  request: ApiRequest,
  registry: Registry,
  unknown: unknown,
  show: (services: NodeService[]) => unknown,
): Read {
  const { state } = registry.store
  const name = nameOf(request, 'Missing node name')
  const filter = filterOf(request, NODE_SERVICE_FIELDS)
  return {
    resources: [nodeResource(name)],
    index: () => (state.nodes.has(name) ? state.indexOf(nodeResource(name)) : 1),
    encode: (sight) => {
      const record = state.nodes.get(name)
      if (record === undefined || !sight.node(name)) return encodeJson(unknown)
      const found = [...state.servicesOnNode.get(name).values()].filter(({ Service }) => sight.service(Service))
      found.sort((a, b) => order(a.ID, b.ID))
      return encodeJson({
        Node: showNode(record, registry.datacenter),
        Services: show(found.map(showNodeService).filter(filter())),
      })
    },
  }
}
