/** What a change means to people, seen from the state before it. Pure. */
import type { Change, CheckBody, KvBody, NodeBody, RemovedBody, ServiceBody } from '../state/records.ts'
import type { State } from '../state/state.ts'
import type { Happening } from './contract.ts'

const DETAIL_MAX = 200
/** Keys of users are their own affair. */
const NOTED_KEYS = 'skein/'

/** Undefined for what nobody will ask about: an output, a check of its own, a foreign key. */
export function happeningOf(state: State, change: Change): Happening | undefined {
  switch (change.kind) {
    case 'service':
      return ofService(state.services.get(change.key), change.body)
    case 'check':
      return ofCheck(state.checks.get(change.key), change.body)
    case 'node':
      return ofNode(state.nodes.get(change.key), change.body)
    case 'removed':
      return ofRemoval(state.removed.get(change.key), change.body)
    case 'kv':
      return ofKey(change.key, state.kv.get(change.key), change.body)
    case 'acl-token':
      return ofAcl('token', change.key, state.acl.tokens.get(change.key)?.Description, change.body?.Description)
    case 'acl-policy':
      return ofAcl('policy', change.key, state.acl.policies.get(change.key)?.Name, change.body?.Name)
    case 'acl-role':
      return ofAcl('role', change.key, state.acl.roles.get(change.key)?.Name, change.body?.Name)
    default:
      return undefined
  }
}

function ofService(before: ServiceBody | undefined, body: ServiceBody | null): Happening | undefined {
  const shown = body ?? before
  if (shown === undefined) return undefined
  const { Node, Service, ID: ServiceID } = shown
  const at = `${shown.Address}:${shown.Port}`
  if (body === null) return { Kind: 'deregister', Node, Service, ServiceID, Detail: at }
  if (before === undefined) return { Kind: 'register', Node, Service, ServiceID, Detail: at }
  return { Kind: 'update', Node, Service, ServiceID, Detail: differences(before, body) }
}

/** Names of the fields that changed. */
function differences<B extends object>(before: B, body: B): string {
  const names = Object.keys(body) as (keyof B & string)[]
  return names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(body[name])).join(', ')
}

/** Maintenance is a check that comes and goes; every other one flips. */
function ofCheck(before: CheckBody | undefined, body: CheckBody | null): Happening | undefined {
  const shown = body ?? before
  if (shown === undefined) return undefined
  const comesOrGoes = (body === null || before === undefined) && shown.Type === 'maintenance'
  const flips = body !== null && before !== undefined && before.Status !== body.Status
  if (!comesOrGoes && !flips) return undefined
  const { Node, ServiceName: Service, ServiceID, CheckID } = shown
  const Detail = (shown.Type === 'maintenance' ? shown.Notes : shown.Output).slice(0, DETAIL_MAX)
  const statuses = { From: before?.Status ?? '', To: body?.Status ?? '' }
  return { Kind: 'status', Node, Service, ServiceID, CheckID, ...statuses, Detail }
}

function ofNode(before: NodeBody | undefined, body: NodeBody | null): Happening | undefined {
  const shown = body ?? before
  if (shown === undefined) return undefined
  const { Node } = shown
  if (body === null) return { Kind: 'deregister', Node }
  if (before === undefined) return { Kind: 'register', Node, Detail: body.Address }
  return { Kind: 'update', Node, Detail: differences(before, body) }
}

function ofRemoval(before: RemovedBody | undefined, body: RemovedBody | null): Happening | undefined {
  const shown = body ?? before
  if (shown === undefined) return undefined
  const { Node, Service, ServiceID } = shown
  return {
    Kind: body === null ? 'allow' : 'remove',
    Node,
    Service,
    ServiceID,
    Detail: shown.Reason.slice(0, DETAIL_MAX),
  }
}

function ofKey(Key: string, before: KvBody | undefined, body: KvBody | null): Happening | undefined {
  if (!Key.startsWith(NOTED_KEYS) || before?.Value === body?.Value) return undefined
  return { Kind: 'kv', Key, Detail: body === null ? 'deleted' : before === undefined ? 'created' : 'changed' }
}

/** @param before what it was called, undefined when it was not there. */
function ofAcl(what: string, id: string, before: string | undefined, after: string | undefined): Happening {
  const done = before === undefined ? 'created' : after === undefined ? 'deleted' : 'changed'
  return { Kind: 'acl', Acl: `${what} ${id}`, Detail: `${done}: ${after ?? before ?? ''}`.slice(0, DETAIL_MAX) }
}
