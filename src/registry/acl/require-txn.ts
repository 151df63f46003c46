/** What the operations of a transaction take, and what of their results may be seen. */
import type { TxnEntry, TxnKv, TxnOperation, TxnResult } from '../state/commands.ts'
import type { State } from '../state/state.ts'
import type { Rights } from './contract.ts'
import { requireDeregister, requireRegister } from './require-catalog.ts'
import type { Sight } from './sight.ts'

/** @throws Refusal 403. Verbs that only read are left to `isSeen`. */
export function requireOperation(rights: Rights, state: State, operation: TxnOperation): void {
  if (operation.kind === 'kv') requireKv(rights, operation)
  else if (operation.verb !== 'get') requireEntry(rights, state, operation)
}

const READS = new Set(['get', 'get-or-empty', 'get-tree'])
/** Whether they fail says what is there. That the key is *not* there is asked by those who write it: so in Consul. */
const TESTS = new Set(['check-index', 'check-session'])

function requireKv(rights: Rights, { verb, key }: TxnKv): void {
  if (READS.has(verb)) return
  if (verb === 'delete-tree') rights.requireTree(key)
  else rights.require('key', TESTS.has(verb) ? 'read' : 'write', key)
}

function requireEntry(rights: Rights, state: State, { kind, node, id, register }: TxnEntry): void {
  const what = kind === 'service' ? { serviceId: id } : { checkId: id }
  if (register !== undefined) requireRegister(rights, state, register)
  else if (kind === 'node') rights.require('node', 'write', node)
  else requireDeregister(rights, state, { type: 'deregister', node, ...what })
}

export function isSeen({ kind, record }: TxnResult, sight: Sight): boolean {
  switch (kind) {
    case 'kv':
      return sight.key(record.Key)
    case 'node':
      return sight.node(record.Node)
    case 'service':
      return sight.instance(record.Node, record.Service)
    case 'check':
      return sight.instance(record.Node, record.ServiceName)
  }
}
