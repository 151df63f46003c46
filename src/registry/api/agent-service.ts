/** /v1/agent/service*: services of the registry's own node, where every instance without its own Consul agent lives. */
import { createHash } from 'node:crypto'
import { requireRegister } from '../acl/require-catalog.ts'
import { Sight } from '../acl/sight.ts'
import { blockingQuery, type Question } from '../blocking-query.ts'
import { AGENT_SERVICE_FIELDS } from '../filter/fields.ts'
import type { CheckInput, Register } from '../state/commands.ts'
import type { CheckRecord, ServiceBody, ServiceRecord } from '../state/records.ts'
import { onNode } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import { instanceResource, RESOURCE } from '../state/resources.ts'
import { decodeBody } from './decode.ts'
import { SERVICE, serviceBody, serviceChecks } from './definition.ts'
import {
  type Answer,
  type ApiRequest,
  BODY_MAX_BYTES,
  type Endpoint,
  empty,
  json,
  lookTwice,
  type Registry,
} from './endpoint.ts'
import { maintenanceCheck, serviceMaintenanceId } from './maintenance.ts'
import { showAgentService } from './present.ts'
import { checkCommon, filteredHeader } from './read.ts'
import { filterOf, order } from './select.ts'

export const AGENT_SERVICE: readonly Endpoint[] = [
  { path: '/v1/agent/services', GET: services },
  { path: '/v1/agent/service/', GET: service },
  { path: '/v1/agent/service/register', PUT: register },
  { path: '/v1/agent/service/deregister/', PUT: deregister },
  { path: '/v1/agent/service/maintenance/', PUT: maintenance },
]

/** The registry's own service is not among them: nobody registered it. */
async function services(request: ApiRequest, registry: Registry): Promise<Answer> {
  const filter = filterOf(request, AGENT_SERVICE_FIELDS)
  await registry.store.catchUp()
  const found = [...registry.store.state.servicesOnNode.get(registry.node).values()]
  const sight = new Sight(request.rights)
  const shown = found
    .filter(({ ID, Service }) => ID !== 'consul' && sight.service(Service))
    .sort((a, b) => order(a.ID, b.ID))
    .map((one) => showAgentService(one, registry.datacenter))
    .filter(filter())
  const byId = Object.fromEntries(shown.map((one) => [one.ID, one]))
  return json(byId, 200, filteredHeader(request, sight.isPartial))
}

/** Blocks while the content's hash is the one given. */
async function service(request: ApiRequest, registry: Registry): Promise<Answer> {
  const id = request.name
  const asked = request.query.get('hash') ?? ''
  const question: Question<ReturnType<typeof withHash>> = {
    resources: [instanceResource(registry.node, id), RESOURCE.acl],
    read: () => {
      const found = findService(registry, id, `unknown service ID: ${id}`)
      request.rights.require('service', 'read', found.Service)
      return withHash(found, registry.datacenter)
    },
    isNews: ({ hash }) => asked === '' || hash !== asked,
  }
  const wait = request.query.wait()
  await registry.store.catchUp()
  const { store, clock, random } = registry
  const { shown, hash } = await blockingQuery(question, wait, { hub: store.hub, clock, random, onGone: request.onGone })
  return json({ ...shown, ContentHash: hash }, 200, ['X-Consul-ContentHash', hash])
}

function withHash(record: ServiceRecord, datacenter: string) {
  const shown = showAgentService(record, datacenter)
  return { shown, hash: createHash('sha256').update(JSON.stringify(shown)).digest('hex').slice(0, 16) }
}

const hasService = ({ store, node }: Registry, id: string) => store.state.services.has(onNode(node, id))

export function findService(registry: Registry, id: string, unknown: string): ServiceRecord {
  const found = registry.store.state.services.get(onNode(registry.node, id))
  if (found === undefined) throw new Refusal(404, unknown)
  return found
}

async function register(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const input = decodeBody(await request.body(BODY_MAX_BYTES), SERVICE)
  const service = serviceBody(input)
  const checks = serviceChecks(input, service)
  const replace = request.query.get('replace-existing-checks')
  const command = registerCommand(registry, service, checks, replace === '' || replace === 'true')
  requireRegister(request.rights, registry.store.state, command)
  warnOfTakeover(registry, service)
  await registry.store.write((state) => {
    requireRegister(request.rights, state, command)
    return command
  })
  registry.checks.renew(checks.map(({ CheckID }) => CheckID))
  return empty()
}

function registerCommand(
  registry: Registry,
  service: Omit<ServiceBody, 'Node'>,
  checks: readonly CheckInput[],
  replaceChecks: boolean,
): Register {
  return { ...onOwnNode(registry), service, checks, keepStatus: true, replaceChecks }
}

/** The beginning of every registration on the registry's own node, which exists. */
export function onOwnNode({ node }: Registry): Pick<Register, 'type' | 'node' | 'skipNodeUpdate'> {
  const body = { Node: node, ID: '', Address: '', TaggedAddresses: null, Meta: null }
  return { type: 'register', node: body, skipNodeUpdate: true }
}

/** All agents share this node, so two hosts that use one ID overwrite each other: that is seen in the log at least. */
function warnOfTakeover({ store, node, log }: Registry, { ID, Address }: Omit<ServiceBody, 'Node'>): void {
  const before = store.state.services.get(onNode(node, ID))
  if (before === undefined || before.Address === Address) return
  log.warn({ serviceId: ID, from: before.Address, to: Address }, 'a service ID changed its address; IDs must be unique')
}

const unknownService = (id: string) =>
  `Unknown service ID ${JSON.stringify(id)}. Ensure that the service ID is passed, not the service name.`

async function deregister(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const id = request.name
  if (id === '') throw new Refusal(500, 'ServiceID missing')
  await lookTwice(registry, () => hasService(registry, id))
  await registry.store.write(() => {
    request.rights.require('service', 'write', findService(registry, id, unknownService(id)).Service)
    return { type: 'deregister', node: registry.node, serviceId: id }
  })
  return empty()
}

async function maintenance(request: ApiRequest, registry: Registry): Promise<Answer> {
  const id = request.name
  if (id === '') throw new Refusal(400, 'Missing service ID')
  const enable = enableOf(request)
  await lookTwice(registry, () => hasService(registry, id))
  request.rights.require('service', 'write', findService(registry, id, unknownService(id)).Service)
  await setMaintenance(registry, enable, maintenanceCheck(serviceMaintenanceId(id), id, request.query.get('reason')))
  return empty()
}

export function enableOf({ query }: ApiRequest): boolean {
  if (!query.has('enable')) throw new Refusal(400, 'Missing value for enable')
  const enable = query.bool('enable')
  if (enable === undefined) throw new Refusal(400, `Invalid value for enable: ${JSON.stringify(query.get('enable'))}`)
  return enable
}

/** Repeating is a no-op, also with another reason. */
export async function setMaintenance(registry: Registry, enable: boolean, check: CheckInput): Promise<void> {
  const { store, node } = registry
  await store.catchUp()
  const known: CheckRecord | undefined = store.state.checks.get(onNode(node, check.CheckID))
  if (enable && known === undefined) {
    await store.write({ ...onOwnNode(registry), checks: [check], keepStatus: false, replaceChecks: false })
  }
  if (!enable) await store.write({ type: 'deregister', node, checkId: check.CheckID })
}
