/** /v1/agent/check*: checks of the registry's own node and its services. */

import { requireOwner, requireRegister } from '../acl/require-catalog.ts'
import { Sight } from '../acl/sight.ts'
import { CHECK_FIELDS } from '../filter/fields.ts'
import type { Register } from '../state/commands.ts'
import { type CheckRecord, onNode, type Status } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import { findService, onOwnNode } from './agent-service.ts'
import { AGENT_CHECK } from './check-fields.ts'
import { decodeBody, object, string } from './decode.ts'
import { checkInput, checkStatus, isStatus } from './definition.ts'
import {
  type Answer,
  type ApiRequest,
  BODY_MAX_BYTES,
  type Endpoint,
  empty,
  type Handler,
  json,
  lookTwice,
  type Registry,
} from './endpoint.ts'
import { showAgentCheck } from './present.ts'
import { filteredHeader } from './read.ts'
import { byCheckId, filterOf } from './select.ts'

export const AGENT_CHECK_PATHS: readonly Endpoint[] = [
  { path: '/v1/agent/checks', GET: checks },
  { path: '/v1/agent/check/register', PUT: register },
  { path: '/v1/agent/check/deregister/', PUT: deregister },
  { path: '/v1/agent/check/pass/', PUT: beat('passing') },
  { path: '/v1/agent/check/warn/', PUT: beat('warning') },
  { path: '/v1/agent/check/fail/', PUT: beat('critical') },
  { path: '/v1/agent/check/update/', PUT: update },
]

/** serfHealth is the catalog's view of the node, not a check of the agent's. */
async function checks(request: ApiRequest, registry: Registry): Promise<Answer> {
  const filter = filterOf(request, CHECK_FIELDS)
  await registry.store.catchUp()
  const found = [...registry.store.state.checksOnNode.get(registry.node).values()]
  const sight = new Sight(request.rights)
  const shown = found
    .filter((check) => check.CheckID !== 'serfHealth' && isSeen(check, sight))
    .sort(byCheckId)
    .map(showAgentCheck)
    .filter(filter())
  const byId = Object.fromEntries(shown.map((check) => [check.CheckID, check]))
  return json(byId, 200, filteredHeader(request, sight.isPartial))
}

/** A check of a service is a matter of the service, any other one of the node. */
function isSeen({ Node, ServiceName }: CheckRecord, sight: Sight): boolean {
  return ServiceName === '' ? sight.node(Node) : sight.service(ServiceName)
}

function requireKnown({ rights }: ApiRequest, { store, node }: Registry, checkId: string): void {
  const known = store.state.checks.get(onNode(node, checkId))
  if (known !== undefined) requireOwner(rights, node, known.ServiceName)
}

async function register(request: ApiRequest, registry: Registry): Promise<Answer> {
  const input = decodeBody(await request.body(BODY_MAX_BYTES), AGENT_CHECK)
  const { Name = '', ID = '', ServiceID = '' } = input
  if (Name === '') throw new Refusal(400, 'Missing check name')
  const status = checkStatus(input.Status, 'Bad check status')
  const check = checkInput(input, ID || Name, Name, status)
  await registry.store.write((state) => {
    if (ServiceID !== '') findService(registry, ServiceID, `ServiceID ${JSON.stringify(ServiceID)} does not exist`)
    const command: Register = { ...onOwnNode(registry), checks: [check], keepStatus: true, replaceChecks: false }
    requireRegister(request.rights, state, command)
    return command
  })
  registry.checks.renew([check.CheckID])
  return empty()
}

async function deregister(request: ApiRequest, registry: Registry): Promise<Answer> {
  const { name } = request
  await refuseUnknown(registry, name)
  requireKnown(request, registry, name)
  await registry.store.write({ type: 'deregister', node: registry.node, checkId: name })
  return empty()
}

/** 404 makes Spring and our own SDK register again; a check that exists but takes no beats is another mistake. */
async function refuseUnknown(registry: Registry, checkId: string): Promise<void> {
  const known = () => registry.store.state.checks.has(onNode(registry.node, checkId)) && checkId !== 'serfHealth'
  await lookTwice(registry, known)
  if (known()) return
  throw new Refusal(
    404,
    `Unknown check ID ${JSON.stringify(checkId)}. Ensure that the check ID is passed, not the check name.`,
  )
}

async function refuseWithoutTtl(request: ApiRequest, registry: Registry, checkId: string): Promise<void> {
  await refuseUnknown(registry, checkId)
  requireKnown(request, registry, checkId)
  if (registry.checks.hasTtl(checkId)) return
  throw new Refusal(500, `CheckID ${JSON.stringify(checkId)} does not have associated TTL`)
}

function beat(status: Status): Handler {
  return async (request, registry) => {
    const { name, query } = request
    await refuseWithoutTtl(request, registry, name)
    await registry.checks.beat(name, status, query.get('note') ?? '')
    return empty()
  }
}

const UPDATE = object({ Status: string, Output: string })

async function update(request: ApiRequest, registry: Registry): Promise<Answer> {
  const { Status: status = '', Output = '' } = decodeBody(await request.body(BODY_MAX_BYTES), UPDATE)
  if (!isStatus(status)) throw new Refusal(400, `Invalid check status: '${status}'`)
  await refuseWithoutTtl(request, registry, request.name)
  await registry.checks.beat(request.name, status, Output)
  return empty()
}
