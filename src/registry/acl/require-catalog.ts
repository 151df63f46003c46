/** What writing to the catalog takes: node:write for a node and its checks, service:write for a service and its own. */
import type { CheckInput, Deregister, Register } from '../state/commands.ts'
import type { NodeRecord } from '../state/records.ts'
import { onNode } from '../state/records.ts'
import type { State } from '../state/state.ts'
import type { Rights } from './contract.ts'

/** The node has to be named with each service: that takes no right to it as long as it stays as it is. @throws Refusal 403. */
export function requireRegister(rights: Rights, state: State, command: Register): void {
  const { Node: node, ID: id } = command.node
  if (changesNode(state.nodes.get(node), command)) {
    rights.require('node', 'write', node)
    // The node that has this ID goes, and all that is on it comes here.
    const renamed = state.nodeIds.get(id)
    if (renamed !== undefined) rights.require('node', 'write', renamed)
  }
  if (command.service !== undefined) {
    const { ID, Service } = command.service
    rights.require('service', 'write', Service)
    const before = state.services.get(onNode(node, ID))
    if (before !== undefined) rights.require('service', 'write', before.Service)
  }
  for (const check of command.checks) {
    const { service } = command
    const isOwn = service !== undefined && service.ID === check.ServiceID
    requireCheck(rights, state, node, check, isOwn ? service.Service : serviceOf(state, node, check.ServiceID))
  }
}

/** The owner's, that of the check which it replaces, and a look at what it copies the state of. @throws Refusal 403. */
function requireCheck(
  rights: Rights,
  state: State,
  node: string,
  { CheckID, definition: { aliasNode, aliasService } = {} }: CheckInput,
  owner: string,
): void {
  requireOwner(rights, node, owner)
  const before = state.checks.get(onNode(node, CheckID))
  if (before !== undefined) requireOwner(rights, node, before.ServiceName)
  if (aliasNode !== undefined) rights.require('node', 'read', aliasNode)
  if (aliasService !== undefined) {
    rights.require('service', 'read', serviceOf(state, aliasNode ?? node, aliasService) || aliasService)
  }
}

function changesNode(before: NodeRecord | undefined, { node, skipNodeUpdate }: Register): boolean {
  if (before === undefined) return true
  if (skipNodeUpdate) return false
  const parts = ({ ID, Address, TaggedAddresses, Meta }: Register['node']) =>
    JSON.stringify([ID, Address, TaggedAddresses, Meta])
  return parts(before) !== parts({ ...node, ID: node.ID || before.ID })
}

/** Whoever may write the node may remove all that is on it. @throws Refusal 403. */
export function requireDeregister(rights: Rights, state: State, { node, serviceId, checkId }: Deregister): void {
  if (rights.allows('node', 'write', node)) return
  const check = checkId === undefined ? undefined : state.checks.get(onNode(node, checkId))
  const service = serviceId === undefined ? (check?.ServiceName ?? '') : serviceOf(state, node, serviceId)
  requireOwner(rights, node, service)
}

/** '' where there is no such service: then it is a matter of the node. */
function serviceOf(state: State, node: string, id: string): string {
  return state.services.get(onNode(node, id))?.Service ?? ''
}

/** @param service '' for what is the node's own. @throws Refusal 403. */
export function requireOwner(rights: Rights, node: string, service: string): void {
  if (service === '') rights.require('node', 'write', node)
  else rights.require('service', 'write', service)
}
