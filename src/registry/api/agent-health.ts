/** /v1/agent/health: the health of local services as a status code, for load balancers that look at nothing else. */
import type { CheckRecord, ServiceRecord } from '../state/records.ts'
import { onNode } from '../state/records.ts'
import { Encoded } from './encoded.ts'
import { type Answer, type ApiRequest, type Endpoint, json, type Registry } from './endpoint.ts'
import { isMaintenance } from './maintenance.ts'
import { showAgentCheck, showAgentService } from './present.ts'
import { checksOf, order } from './select.ts'

export const AGENT_HEALTH: readonly Endpoint[] = [
  { path: '/v1/agent/health/service/id/', GET: byId },
  { path: '/v1/agent/health/service/name/', GET: byName },
]

type Aggregate = 'passing' | 'warning' | 'critical' | 'maintenance'

const CODES: Readonly<Record<Aggregate, number>> = { passing: 200, warning: 429, critical: 503, maintenance: 503 }
const WORST: readonly Aggregate[] = ['maintenance', 'critical', 'warning', 'passing']

async function byId(request: ApiRequest, registry: Registry): Promise<Answer> {
  await registry.store.catchUp()
  const service = registry.store.state.services.get(onNode(registry.node, request.name))
  if (service === undefined) {
    const reason = `ServiceId ${request.name} not found`
    return answer(request, 404, reason, reason, { AggregatedStatus: 'critical', Service: null, Checks: null })
  }
  request.rights.require('service', 'read', service.Service)
  const { status, shown } = healthOf(registry, service)
  return answer(request, CODES[status], status, status, shown)
}

async function byName(request: ApiRequest, registry: Registry): Promise<Answer> {
  request.rights.require('service', 'read', request.name)
  await registry.store.catchUp()
  const all = [...registry.store.state.servicesOnNode.get(registry.node).values()]
  const found = all.filter(({ Service }) => Service === request.name).sort((a, b) => order(a.ID, b.ID))
  if (found.length === 0) {
    const reason = `ServiceName ${request.name} Not Found`
    return answer(request, 404, reason, reason, [])
  }
  const health = found.map((service) => healthOf(registry, service))
  const worst = WORST.find((status) => health.some((one) => one.status === status)) ?? 'passing'
  return answer(
    request,
    CODES[worst],
    worst,
    worst,
    health.map(({ shown }) => shown),
  )
}

function answer({ query }: ApiRequest, status: number, reason: string, word: string, shown: unknown): Answer {
  const headers = ['X-Consul-Reason', headerSafe(reason)]
  if (query.get('format') !== 'text') return json(shown, status, headers)
  return { status, headers: ['Content-Type', 'text/plain', ...headers], body: new Encoded(word) }
}

/** A service ID may hold what a header may not. */
const headerSafe = (text: string) => text.replaceAll(/[^\t\x20-\x7e]/g, '?')

function healthOf(registry: Registry, service: ServiceRecord) {
  const node = registry.store.state.nodes.get(registry.node)!
  const checks = checksOf(registry.store.state, { node, service }).filter(({ CheckID }) => CheckID !== 'serfHealth')
  const status = aggregate(checks)
  const Service = showAgentService(service, registry.datacenter)
  return { status, shown: { AggregatedStatus: status, Service, Checks: checks.map(showLocalCheck) } }
}

/** Maintenance before critical before warning before passing; no checks = passing. */
export function aggregate(checks: readonly CheckRecord[]): Aggregate {
  const states = checks.map(({ CheckID, Status }) => (isMaintenance(CheckID) ? 'maintenance' : Status))
  return WORST.find((status) => states.includes(status)) ?? 'passing'
}

/** Consul's other form of a check: no tags, no type, and a definition with every field. */
function showLocalCheck(check: CheckRecord) {
  const Definition = {
    Interval: '0s',
    Timeout: '0s',
    DeregisterCriticalServiceAfter: '0s',
    HTTP: '',
    Header: null,
    Method: '',
    Body: '',
    TLSSkipVerify: false,
    TCP: '',
  }
  return { ...showAgentCheck(check), ServiceTags: null, Type: '', Definition }
}
