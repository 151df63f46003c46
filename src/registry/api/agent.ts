/** /v1/agent: the registry as a Consul agent. */

import { createRequire } from 'node:module'
import { bareHost } from '../../core/authority.ts'
import { METRICS_CONTENT_TYPE } from '../../telemetry/metrics.ts'
import { Sight } from '../acl/sight.ts'
import { host } from './agent-host.ts'
import { enableOf, setMaintenance } from './agent-service.ts'
import { COORDINATES } from './coordinate.ts'
import { Encoded } from './encoded.ts'
import {
  type Answer,
  type ApiRequest,
  type Endpoint,
  empty,
  json,
  type Registry,
  text,
  UNKNOWN_PATH,
} from './endpoint.ts'
import { maintenanceCheck, NODE_MAINTENANCE } from './maintenance.ts'
import { filteredHeader } from './read.ts'

export const AGENT: readonly Endpoint[] = [
  { path: '/v1/agent/self', GET: self },
  { path: '/v1/agent/members', GET: members },
  { path: '/v1/agent/maintenance', PUT: maintenance },
  { path: '/v1/agent/reload', PUT: reload },
  { path: '/v1/agent/leave', PUT: leave },
  { path: '/v1/agent/join/', PUT: join },
  { path: '/v1/agent/force-leave/', PUT: forceLeave },
  { path: '/v1/agent/host', GET: host },
  { path: '/v1/agent/metrics', GET: metrics },
  { path: '/v1/agent/version', GET: agentVersion },
]

/** The Consul whose answers these are: clients parse it to find out what they may ask for. */
export const CONSUL_VERSION = '1.21.4'
const SKEIN_VERSION = (createRequire(import.meta.url)('skein/package.json') as { version: string }).version
export const BUILD_DATE = '2025-08-13T16:53:05Z'
const VERSION = { SHA: '', BuildDate: BUILD_DATE, HumanVersion: CONSUL_VERSION, FIPS: '' }

/** Also the liveness probe of several clients: it looks nothing up. The header says that /v1/skein/ is there. */
function self({ rights }: ApiRequest, registry: Registry): Answer {
  const { node, datacenter, store } = registry
  rights.require('agent', 'read', node)
  const record = store.state.nodes.get(node)!
  return json(
    {
      Config: {
        Datacenter: datacenter,
        PrimaryDatacenter: datacenter,
        NodeName: node,
        NodeID: record.ID,
        Revision: '',
        Server: true,
        Version: CONSUL_VERSION,
        BuildDate: BUILD_DATE,
      },
      DebugConfig: { Datacenter: datacenter, NodeName: node, NodeID: record.ID, ServerMode: true },
      Coord: COORDINATES,
      Member: member(registry),
      Stats: stats(registry),
      Meta: { 'consul-network-segment': '', 'consul-version': CONSUL_VERSION, 'skein-version': SKEIN_VERSION },
    },
    200,
    ['X-Skein-Version', SKEIN_VERSION],
  )
}

function members(request: ApiRequest, registry: Registry): Answer {
  const sight = new Sight(request.rights)
  const seen = sight.node(registry.node) ? [member(registry)] : []
  return json(seen, 200, filteredHeader(request, sight.isPartial))
}

function agentVersion({ rights }: ApiRequest, { node }: Registry): Answer {
  rights.require('agent', 'read', node)
  return json(VERSION)
}

/** All values are strings, as in Consul. */
function stats({ store, node, leader, access }: Registry) {
  return {
    agent: {
      checks: String(store.state.checksOnNode.get(node).size - 1),
      services: String(store.state.servicesOnNode.get(node).size - 1),
    },
    build: { prerelease: '', revision: '', version: CONSUL_VERSION },
    consul: {
      acl: access.enabled ? 'enabled' : 'disabled',
      bootstrap: 'true',
      known_datacenters: '1',
      leader: 'true',
      leader_addr: leader,
      server: 'true',
    },
    storage: { failed: String(store.failure !== undefined), reason: store.failure?.message ?? '' },
    runtime: { arch: process.arch, os: process.platform, version: process.version },
  }
}

function member({ node, datacenter, leader, store, access }: Registry) {
  const [address, port] = splitAddress(leader)
  const Tags = {
    acls: access.enabled ? '1' : '0',
    bootstrap: '1',
    build: `${CONSUL_VERSION}:`,
    dc: datacenter,
    id: store.state.nodes.get(node)!.ID,
    port,
    raft_vsn: '3',
    role: 'consul',
    segment: '',
    vsn: '2',
    vsn_max: '3',
    vsn_min: '2',
  }
  const protocol = { ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2, DelegateMin: 2, DelegateMax: 5, DelegateCur: 4 }
  return { Name: node, Addr: address, Port: 8301, Tags, Status: 1, ...protocol }
}

function splitAddress(address: string): [string, string] {
  const colon = address.lastIndexOf(':')
  return [bareHost(address.slice(0, colon)), address.slice(colon + 1)]
}

async function maintenance(request: ApiRequest, registry: Registry): Promise<Answer> {
  const enable = enableOf(request)
  request.rights.require('node', 'write', registry.node)
  await setMaintenance(registry, enable, maintenanceCheck(NODE_MAINTENANCE, '', request.query.get('reason')))
  return empty()
}

/** A registry that is no agent does not know these paths. */
const noAgent = () => text(404, UNKNOWN_PATH)

async function reload({ rights }: ApiRequest, { control, node }: Registry): Promise<Answer> {
  rights.require('agent', 'write', node)
  if (control === undefined) return noAgent()
  try {
    await control.reload()
  } catch (error) {
    return text(500, error instanceof Error ? error.message : String(error))
  }
  return empty()
}

function leave({ rights }: ApiRequest, { control, node }: Registry): Answer {
  rights.require('agent', 'write', node)
  if (control === undefined) return noAgent()
  control.leave()
  return empty()
}

/** There is no gossip to join: registries are one when they share a store. */
function join({ name, rights }: ApiRequest, { node }: Registry): Answer {
  rights.require('agent', 'write', node)
  const reason = 'this registry takes no members; registries that share a store are one'
  return text(500, `1 error occurred:\n\t* Failed to join ${name}: ${reason}\n\n`)
}

/** The one member is alive, which Consul would find out again at once. */
function forceLeave({ name, rights }: ApiRequest, { node }: Registry): Answer {
  rights.require('operator', 'write')
  return name === node ? empty() : text(500, `agent: No node found with name '${name}'`)
}

/** Consul's own metric names do not apply here: as JSON the gauges that do, as Prometheus text everything. */
function metrics({ query, rights }: ApiRequest, registry: Registry): Answer {
  rights.require('agent', 'read', registry.node)
  const text = registry.metrics.toText()
  if (query.get('format') === 'prometheus') {
    return { status: 200, headers: ['Content-Type', METRICS_CONTENT_TYPE], body: new Encoded(text) }
  }
  const { counters } = registry
  const gauge = (Name: string, Value: number) => ({ Name, Value, Labels: {} })
  return json({
    Timestamp: `${new Date(registry.clock.now()).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`,
    Gauges: [
      gauge('skein.registry.index', counters.index.value),
      gauge('skein.registry.instances', counters.instances.value),
      gauge('skein.registry.blocking_queries', counters.watchers.value),
    ],
    Points: [],
    Counters: [],
    Samples: [],
  })
}
