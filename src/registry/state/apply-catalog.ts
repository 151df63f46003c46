/** Nodes, services and checks in the state, and whose index moves with them (registry index table, B8–B15). */
import type { Application, Place } from './application.ts'
import type { CheckBody, CheckRecord, NodeBody, NodeRecord, ServiceBody, ServiceRecord } from './records.ts'
import { onNode } from './records.ts'
import {
  instanceResource,
  instancesResource,
  nodeChecksResource,
  nodeResource,
  RESOURCE,
  serviceResource,
} from './resources.ts'
import type { State } from './state.ts'

export const NODES: Place<NodeBody> = {
  find: (state, key) => state.nodes.get(key),
  place: placeNode,
  put: putNode,
  remove: removeNode,
}

export const SERVICES: Place<ServiceBody> = {
  find: (state, key) => state.services.get(key),
  place: placeService,
  put: putService,
  remove: removeService,
}

export const CHECKS: Place<CheckBody> = {
  find: (state, key) => state.checks.get(key),
  place: placeCheck,
  put: putCheck,
  remove: removeCheck,
}

function putNode(application: Application, key: string, node: NodeRecord): void {
  placeNode(application, key, node)
  application.touch(RESOURCE.nodes)
  application.touch(nodeResource(node.Node))
  for (const name of servicesOf(application.state, node.Node)) {
    application.touch(serviceResource(name))
    application.wake(instancesResource(name))
  }
}

function placeNode({ state, journal }: Application, _key: string, node: NodeRecord): void {
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
  const { state, journal } = application
  state.instances.delete(journal, service.Service, key)
  touchDefinition(application, service)
  if (state.instances.has(service.Service)) return
  journal.delete(state.outputs, service.Service)
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

export function placeCheck({ state, journal }: Application, key: string, check: CheckRecord): void {
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
  application.wake(nodeChecksResource(check.Node))
  const owner = ownerOf(application.state, check)
  const names = owner === undefined ? servicesOf(application.state, check.Node) : [owner.Service]
  for (const name of names) application.touch(serviceResource(name))
}

export function ownerOf(state: State, check: CheckRecord): ServiceRecord | undefined {
  return check.ServiceID === '' ? undefined : state.services.get(onNode(check.Node, check.ServiceID))
}

function servicesOf(state: State, node: string): Set<string> {
  const names = new Set<string>()
  for (const { Service } of state.servicesOnNode.get(node).values()) names.add(Service)
  return names
}
