/** /v1/health: instances with their checks, and checks by service, node and state. */

import type { Sight } from '../acl/sight.ts'
import { CHECK_FIELDS, HEALTH_FIELDS } from '../filter/fields.ts'
import type { CheckRecord } from '../state/records.ts'
import { nodeChecksResource, RESOURCE, serviceResource } from '../state/resources.ts'
import { ALL_OUTPUTS, type State } from '../state/state.ts'
import { encodeJson } from './encoded.ts'
import type { ApiRequest, Endpoint, Registry } from './endpoint.ts'
import { nameOf } from './endpoint.ts'
import { showCheck, showNode, showNodeService } from './present.ts'
import { type Read, read } from './read.ts'
import {
  checksOf,
  type Found,
  filterOf,
  hasMeta,
  near,
  nodeMeta,
  onlyPassing,
  order,
  selectInstances,
} from './select.ts'

export const HEALTH: readonly Endpoint[] = [
  { path: '/v1/health/service/', GET: read(service, true) },
  { path: '/v1/health/checks/', GET: read(serviceChecks, true) },
  { path: '/v1/health/state/', GET: read(byState, true) },
  { path: '/v1/health/node/', GET: read(nodeChecks, true) },
]

function service(request: ApiRequest, registry: Registry): Read {
  const { state } = registry.store
  const name = nameOf(request, 'Missing service name')
  const passing = onlyPassing(request.query)
  const filter = filterOf(request, HEALTH_FIELDS)
  const otherPeer = (request.query.get('peer') ?? '') !== ''
  return {
    resources: [serviceResource(name), RESOURCE.extinction],
    index: () => state.serviceIndex(name),
    version: () => state.outputVersion(name),
    encode: (sight) =>
      otherPeer ? '[]' : encodeJson(entries(registry, name, request, sight, passing).filter(filter())),
    suppress: true,
    cache: true,
    headers: ['X-Consul-Query-Backend', 'blocking-query', ...cachedHeaders(request)],
  }
}

/** Every answer is as fresh as can be, so `?cached` is always a miss. */
export function cachedHeaders({ query }: ApiRequest): readonly string[] {
  return query.has('cached') ? ['X-Cache', 'MISS'] : []
}

function entries(registry: Registry, name: string, { query }: ApiRequest, sight: Sight, passing: boolean) {
  const { store, datacenter } = registry
  const all = selectInstances(registry, name, query, sight).map((found) => showEntry(store.state, found, datacenter))
  return passing ? all.filter(({ Checks }) => Checks.every((check) => check.Status === 'passing')) : all
}

/** An instance as health/service shows it. */
export function showEntry(state: State, found: Found, datacenter: string) {
  return {
    Node: showNode(found.node, datacenter),
    Service: showNodeService(found.service),
    Checks: checksOf(state, found).map(showCheck),
  }
}

function serviceChecks(request: ApiRequest, registry: Registry): Read {
  const { state } = registry.store
  const name = nameOf(request, 'Missing service name')
  const found = () =>
    [...state.instances.get(name).keys()].flatMap((key) => [...state.instanceChecks.get(key).values()])
  return checkList(request, registry, [serviceResource(name)], found)
}

function byState(request: ApiRequest, registry: Registry): Read {
  const state = nameOf(request, 'Missing check state')
  const all = () => [...registry.store.state.checks.values()]
  const found = state === 'any' ? all : () => all().filter((check) => check.Status === state)
  return checkList(request, registry, [RESOURCE.checks], found)
}

function nodeChecks(request: ApiRequest, registry: Registry): Read {
  const name = nameOf(request, 'Missing node name')
  const found = () => [...registry.store.state.checksOnNode.get(name).values()]
  return checkList(request, registry, [nodeChecksResource(name)], found)
}

/** Lists of checks report the index of the checks table, whatever they list. */
function checkList(
  request: ApiRequest,
  registry: Registry,
  resources: readonly string[],
  found: () => CheckRecord[],
): Read {
  const { state } = registry.store
  const meta = nodeMeta(request.query)
  const nearest = near(registry, request.query)
  const filter = filterOf(request, CHECK_FIELDS)
  return {
    resources,
    index: () => state.indexOf(RESOURCE.checks),
    // Outputs, nodes and the names of instances change without moving the index; all three only rise, so their sum tells
    // any two answers apart.
    version: () =>
      (state.outputs.get(ALL_OUTPUTS) ?? 0) + state.indexOf(RESOURCE.nodes) + state.indexOf(RESOURCE.services),
    encode: (sight) => {
      const wanted = found().filter((check) => hasMeta(state.nodes.get(check.Node), meta))
      const checks = wanted.filter(({ Node, ServiceName }) => sight.instance(Node, ServiceName))
      return encodeJson(checks.sort(byNode(nearest)).map(showCheck).filter(filter()))
    },
    suppress: true,
    cache: true,
  }
}

function byNode(nearest: string | undefined) {
  const rank = (check: CheckRecord) => (check.Node === nearest ? 0 : 1)
  return (a: CheckRecord, b: CheckRecord) => rank(a) - rank(b) || order(a.Node, b.Node) || order(a.CheckID, b.CheckID)
}
