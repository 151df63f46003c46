/** Brings changes into the state and moves the indexes of the resources they touch (registry index table, B8–B15). */
import type { Change, CheckRecord, Indexes, KvBody, NodeRecord, ServiceRecord, StoredRecord } from './records.ts'
import { onNode } from './records.ts'
import {
  instanceResource,
  instancesResource,
  keyResource,
  nodeChecksResource,
  nodeResource,
  RESOURCE,
  serviceResource,
} from './resources.ts'
import { ALL_OUTPUTS, NODE_OUTPUTS, type State } from './state.ts'
import { Journal } from './tables.ts'

export interface Applied {
  /** Resources whose index moved. */
  readonly touched: ReadonlySet<string>
  /** Takes all of it back. Only the last applied may be taken back, then the one before it, and so on. */
  undo(): void
}

/** One application of changes under one index. */
class Application {
  readonly journal = new Journal()
  readonly touched = new Set<string>()
  readonly state: State
  readonly index: number

  constructor(state: State, index: number) {
    this.state = state
    this.index = index
  }

  /** Moves the resource's index and wakes its watchers. */
  touch(resource: string): void {
    this.touched.add(resource)
    this.journal.set(this.state.indexes, resource, this.index)
  }

  /** Wakes watchers of a resource that has no index of its own, or no longer one. */
  wake(resource: string): void {
    this.touched.add(resource)
    this.journal.delete(this.state.indexes, resource)
  }

  stamp<B>(body: B, before: Indexes | undefined, indexes: Indexes | undefined): B & Indexes {
    if (indexes !== undefined) return { ...body, ...indexes }
    return { ...body, CreateIndex: before?.CreateIndex ?? this.index, ModifyIndex: this.index }
  }
}

export function applyChanges(state: State, changes: readonly Change[], index: number): Applied {
  const application = new Application(state, index)
  const before = state.index
  state.index = index
  for (const change of changes) applyChange(application, change)
  return {
    touched: application.touched,
    undo() {
      application.journal.rollback()
      state.index = before
    },
  }
}

/** Fills an empty state with what a storage held when `index` was its last. */
export function loadRecords(state: State, records: Iterable<StoredRecord>, index: number): void {
  const application = new Application(state, index)
  const keys: string[] = []
  for (const { kind, key, body, CreateIndex, ModifyIndex } of records) {
    const indexes = { CreateIndex, ModifyIndex }
    if (kind === 'node') placeNode(application, { ...body, ...indexes })
    else if (kind === 'service') placeService(application, key, { ...body, ...indexes })
    else if (kind === 'check') placeCheck(application, key, { ...body, ...indexes })
    else {
      state.kv.set(key, { ...body, ...indexes })
      keys.push(key)
    }
  }
  state.keys.load(keys)
  state.tombstones.reset(index)
  state.index = index
  state.loadedAt = index
}

/** Forgets the indexes of all resources: each reports `index` from now on, which may be lower than before. */
export function resetIndexes(state: State, index: number): void {
  state.indexes.clear()
  state.tombstones.reset(index)
  state.index = index
  state.loadedAt = index
  state.generation++
}

/**
 * Shows a check's new output without moving an index: outputs churn (a health page prints the time), and nobody who
 * waits for a change of health wants to be woken by it. Not stored.
 */
export function setOutput(state: State, node: string, checkId: string, output: string): void {
  const key = onNode(node, checkId)
  const check = state.checks.get(key)
  if (check === undefined || check.Output === output) return
  placeCheck(new Application(state, state.index), key, { ...check, Output: output })
  const owner = ownerOf(state, check)
  for (const name of [ALL_OUTPUTS, owner?.Service ?? NODE_OUTPUTS]) {
    state.outputs.set(name, (state.outputs.get(name) ?? 0) + 1)
  }
}

function applyChange(application: Application, change: Change): void {
  const { kind, key, body, indexes } = change
  const { state } = application
  if (kind === 'node') {
    if (body === null) removeNode(application, key)
    else putNode(application, application.stamp(body, state.nodes.get(key), indexes))
  } else if (kind === 'service') {
    if (body === null) removeService(application, key)
    else putService(application, key, application.stamp(body, state.services.get(key), indexes))
  } else if (kind === 'check') {
    if (body === null) removeCheck(application, key)
    else putCheck(application, key, application.stamp(body, state.checks.get(key), indexes))
  } else if (body === null) removeKey(application, key)
  else putKey(application, key, body, indexes)
}

function putNode(application: Application, node: NodeRecord): void {
  placeNode(application, node)
  application.touch(RESOURCE.nodes)
  application.touch(nodeResource(node.Node))
  for (const name of servicesOf(application.state, node.Node)) {
    application.touch(serviceResource(name))
    application.wake(instancesResource(name))
  }
}

function placeNode({ state, journal }: Application, node: NodeRecord): void {
  const before = state.nodes.get(node.Node)
  if (before !== undefined && before.ID !== node.ID) journal.delete(state.nodeIds, before.ID)
  journal.set(state.nodes, node.Node, node)
  if (node.ID !== '') journal.set(state.nodeIds, node.ID, node.Node)
}

/** The decision has removed its services and checks before. */
function removeNode(application: Application, name: string): void {
  const { state, journal } = application
  const node = state.nodes.get(name)
  if (node === undefined) return
  journal.delete(state.nodes, name)
  if (state.nodeIds.get(node.ID) === name) journal.delete(state.nodeIds, node.ID)
  application.touch(RESOURCE.nodes)
  application.wake(nodeResource(name))
}

function putService(application: Application, key: string, service: ServiceRecord): void {
  const before = application.state.services.get(key)
  if (before !== undefined && before.Service !== service.Service) leaveName(application, key, before)
  placeService(application, key, service)
  touchDefinition(application, service)
}

function placeService({ state, journal }: Application, key: string, service: ServiceRecord): void {
  journal.set(state.services, key, service)
  state.instances.set(journal, service.Service, key, service)
  state.servicesOnNode.set(journal, service.Node, service.ID, service)
}

function removeService(application: Application, key: string): void {
  const { state, journal } = application
  const service = state.services.get(key)
  if (service === undefined) return
  leaveName(application, key, service)
  journal.delete(state.services, key)
  state.servicesOnNode.delete(journal, service.Node, service.ID)
}

/** An instance goes from its name, by deregistration or because its ID now has another name: watchers of the old one wake. */
function leaveName(application: Application, key: string, service: ServiceRecord): void {
  application.state.instances.delete(application.journal, service.Service, key)
  touchDefinition(application, service)
  if (application.state.instances.has(service.Service)) return
  application.touch(RESOURCE.extinction)
  application.wake(serviceResource(service.Service))
}

function touchDefinition(application: Application, service: ServiceRecord): void {
  application.touch(RESOURCE.services)
  application.touch(serviceResource(service.Service))
  application.wake(instancesResource(service.Service))
  application.touch(nodeResource(service.Node))
  application.wake(instanceResource(service.Node, service.ID))
}

function putCheck(application: Application, key: string, check: CheckRecord): void {
  const before = application.state.checks.get(key)
  if (before !== undefined && before.ServiceID !== check.ServiceID) removeCheck(application, key)
  placeCheck(application, key, check)
  touchHealth(application, check)
}

function placeCheck({ state, journal }: Application, key: string, check: CheckRecord): void {
  journal.set(state.checks, key, check)
  state.checksOnNode.set(journal, check.Node, check.CheckID, check)
  if (check.ServiceID === '') state.nodeChecks.set(journal, check.Node, check.CheckID, check)
  else state.instanceChecks.set(journal, onNode(check.Node, check.ServiceID), check.CheckID, check)
}

function removeCheck(application: Application, key: string): void {
  const { state, journal } = application
  const check = state.checks.get(key)
  if (check === undefined) return
  journal.delete(state.checks, key)
  state.checksOnNode.delete(journal, check.Node, check.CheckID)
  if (check.ServiceID === '') state.nodeChecks.delete(journal, check.Node, check.CheckID)
  else state.instanceChecks.delete(journal, onNode(check.Node, check.ServiceID), check.CheckID)
  touchHealth(application, check)
}

/** A node's check belongs to every service on the node. */
function touchHealth(application: Application, check: CheckRecord): void {
  application.touch(RESOURCE.checks)
  application.touch(nodeChecksResource(check.Node))
  const owner = ownerOf(application.state, check)
  const names = owner === undefined ? servicesOf(application.state, check.Node) : [owner.Service]
  for (const name of names) application.touch(serviceResource(name))
}

function putKey(application: Application, key: string, body: KvBody, indexes: Indexes | undefined): void {
  const { state, journal } = application
  const before = state.kv.get(key)
  journal.set(state.kv, key, application.stamp(body, before, indexes))
  if (before === undefined) {
    journal.run(
      () => state.keys.add(key),
      () => state.keys.remove(key),
    )
  }
  touchKey(application, key)
}

function removeKey(application: Application, key: string): void {
  const { state, journal } = application
  if (!state.kv.has(key)) return
  journal.delete(state.kv, key)
  journal.run(
    () => state.keys.remove(key),
    () => state.keys.add(key),
  )
  state.tombstones.add(journal, key, application.index)
  touchKey(application, key)
}

/** Keys have their index in the record; only the table's is kept. */
function touchKey(application: Application, key: string): void {
  application.touch(RESOURCE.kv)
  application.wake(keyResource(key))
}

function ownerOf(state: State, check: CheckRecord): ServiceRecord | undefined {
  return check.ServiceID === '' ? undefined : state.services.get(onNode(check.Node, check.ServiceID))
}

function servicesOf(state: State, node: string): Set<string> {
  const names = new Set<string>()
  for (const { Service } of state.servicesOnNode.get(node).values()) names.add(Service)
  return names
}
