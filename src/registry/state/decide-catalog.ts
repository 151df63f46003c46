import type { CheckInput, Decision, Deregister, Register, SetStatus } from './commands.ts'
import type { Change, CheckBody, CheckRecord, Indexes, NodeBody, ServiceBody } from './records.ts'
import { bare, onNode } from './records.ts'
import { Refusal } from './refusal.ts'
import { refuseRemoved } from './refuse-removed.ts'
import type { State } from './state.ts'

/** Node first, then service, then checks: each may need the one before. */
export function decideRegister(state: State, command: Register): Decision {
  const changes = [
    ...nodeChanges(state, command),
    ...serviceChanges(state, command),
    ...replacedChecks(state, command),
    ...lastOfEach(command.checks).flatMap((check) => checkChanges(state, command, check)),
  ]
  return { changes, done: true }
}

function nodeChanges(state: State, { node, skipNodeUpdate }: Register): Change[] {
  const before = state.nodes.get(node.Node)
  if (before !== undefined && (skipNodeUpdate || same(before, withKnownId(node, before)))) return []
  const body = before === undefined ? node : withKnownId(node, before)
  const oldName = node.ID === '' ? undefined : state.nodeIds.get(node.ID)
  const put: Change = { kind: 'node', key: node.Node, body }
  if (oldName === undefined || oldName === node.Node) return [put]
  refuseOwn(state, oldName, node)
  return [put, ...moveNode(state, oldName, node.Node)]
}

/** What is on it is known to the agent by its name: only the registry itself gives it another one, as it starts. */
function refuseOwn(state: State, oldName: string, { Node: name, ID, own }: NodeBody): void {
  if (own === true || state.nodes.get(oldName)?.own !== true) return
  throw new Refusal(500, `node ID ${ID} is that of the registry's own node "${oldName}"; give "${name}" another one`)
}

/** A registration without an ID leaves the one that the node has. */
function withKnownId(node: NodeBody, before: NodeBody): NodeBody {
  return node.ID === '' ? { ...node, ID: before.ID } : node
}

/** The same node ID under a new name renames the node: what is on it moves along. */
function moveNode(state: State, from: string, to: string): Change[] {
  const removed = removeNode(state, from)
  const services = [...state.servicesOnNode.get(from).values()].map(
    (service): Change => ({ kind: 'service', key: onNode(to, service.ID), body: { ...bare(service), Node: to } }),
  )
  const checks = [...state.checksOnNode.get(from).values()].map(
    (check): Change => ({ kind: 'check', key: onNode(to, check.CheckID), body: { ...bare(check), Node: to } }),
  )
  return [...removed, ...services, ...checks, ...moveRemovals(state, from, to)]
}

/** Who is kept out of the old name is kept out of the new one. */
function moveRemovals(state: State, from: string, to: string): Change[] {
  const own = [...state.removed.values()].filter(({ Node }) => Node === from)
  return own.flatMap((one): Change[] => [
    { kind: 'removed', key: onNode(from, one.ServiceID), body: null },
    { kind: 'removed', key: onNode(to, one.ServiceID), body: { ...bare(one), Node: to } },
  ])
}

function serviceChanges(state: State, { node, service }: Register): Change[] {
  if (service === undefined) return []
  refuseRemoved(state, node.Node, service.ID)
  // The node may be about to get another name.
  refuseRemoved(state, state.nodeIds.get(node.ID) ?? node.Node, service.ID)
  const key = onNode(node.Node, service.ID)
  const body: ServiceBody = { Node: node.Node, ...service }
  return same(state.services.get(key), body) ? [] : [{ kind: 'service', key, body }]
}

function replacedChecks(state: State, { node, service, checks, replaceChecks }: Register): Change[] {
  if (!replaceChecks || service === undefined) return []
  const listed = new Set(checks.map((check) => check.CheckID))
  const present = [...state.instanceChecks.get(onNode(node.Node, service.ID)).values()]
  return present.filter((check) => !listed.has(check.CheckID)).map(removal)
}

function checkChanges(state: State, command: Register, input: CheckInput): Change[] {
  const node = command.node.Node
  const key = onNode(node, input.CheckID)
  const before = state.checks.get(key)
  const kept = command.keepStatus && before !== undefined ? { Status: before.Status, Output: before.Output } : {}
  const service = serviceOf(state, command, input)
  const body: CheckBody = { Node: node, ...input, ...service, ...kept }
  return same(before, body) ? [] : [{ kind: 'check', key, body }]
}

function serviceOf(state: State, { node, service }: Register, { ServiceID }: CheckInput) {
  if (ServiceID === '') return { ServiceName: '', ServiceTags: [] }
  const known = service?.ID === ServiceID ? service : state.services.get(onNode(node.Node, ServiceID))
  if (known === undefined) {
    throw new Refusal(500, `failed inserting check: Missing service registration on node "${node.Node}"`)
  }
  return { ServiceName: known.Service, ServiceTags: known.Tags }
}

/** Of two checks with the same ID the later one is meant. */
function lastOfEach(checks: readonly CheckInput[]): readonly CheckInput[] {
  const last = new Map(checks.map((check) => [check.CheckID, check]))
  return last.size === checks.length ? checks : [...last.values()]
}

export function decideDeregister(state: State, { node, serviceId, checkId, ifCritical }: Deregister): Decision {
  if (ifCritical !== undefined && state.checks.get(onNode(node, ifCritical))?.Status !== 'critical') {
    return { changes: [], done: false }
  }
  const changes =
    serviceId !== undefined
      ? removeService(state, node, serviceId)
      : checkId !== undefined
        ? [state.checks.get(onNode(node, checkId))].filter((check) => check !== undefined).map(removal)
        : removeNode(state, node)
  return { changes, done: changes.length > 0 }
}

/** Checks go before their service, so that they still find whose health they were. */
function removeService(state: State, node: string, id: string): Change[] {
  const key = onNode(node, id)
  if (!state.services.has(key)) return []
  return [...[...state.instanceChecks.get(key).values()].map(removal), { kind: 'service', key, body: null }]
}

function removeNode(state: State, node: string): Change[] {
  if (!state.nodes.has(node)) return []
  const services = [...state.servicesOnNode.get(node).keys()].flatMap((id) => removeService(state, node, id))
  const checks = [...state.nodeChecks.get(node).values()].map(removal)
  return [...checks, ...services, { kind: 'node', key: node, body: null }]
}

/** A check that is gone is not an error: its removal and its last result may cross. `done` is false then. */
export function decideSetStatus(state: State, { node, checkId, status, output }: SetStatus): Decision {
  const key = onNode(node, checkId)
  const before = state.checks.get(key)
  if (before === undefined) return { changes: [], done: false }
  if (before.Status === status && before.Output === output) return { changes: [], done: true }
  return { changes: [{ kind: 'check', key, body: { ...bare(before), Status: status, Output: output } }], done: true }
}

function removal(check: CheckRecord): Change {
  return { kind: 'check', key: onNode(check.Node, check.CheckID), body: null }
}

function same<B extends object>(before: (B & Indexes) | undefined, body: B): boolean {
  if (before === undefined) return false
  const { CreateIndex, ModifyIndex } = before
  return JSON.stringify({ ...body, CreateIndex, ModifyIndex }) === JSON.stringify(before)
}
