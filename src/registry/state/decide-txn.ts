import { applyChanges } from './apply.ts'
import type {
  Command,
  Decision,
  Deregister,
  Register,
  Txn,
  TxnError,
  TxnKv,
  TxnOperation,
  TxnResult,
} from './commands.ts'
import { type Change, type KvRecord, onNode } from './records.ts'
import { Refusal } from './refusal.ts'
import type { State } from './state.ts'

/** Decides a command of its own, with what it does to sessions. */
type Decide = (state: State, command: Command) => Decision

/** What one operation does. `results` is asked for when the changes are in the state. */
interface Step {
  readonly changes: readonly Change[]
  results?(): readonly TxnResult[]
}

/**
 * One operation after the other, each on the state with the changes of those before it; all of them are taken back before
 * this returns. The results carry the index that the next write has, if nobody else shares the store. Goes on after an
 * error, so that all are told at once.
 */
export function decideTxn(state: State, { operations }: Txn, decide: Decide): Decision {
  const index = state.index + 1
  const changes: Change[] = []
  const undo: (() => void)[] = []
  const results: TxnResult[] = []
  const errors: TxnError[] = []
  const run = (operation: TxnOperation) => {
    const step = stepOf(state, operation, decide)
    undo.push(applyChanges(state, step.changes, index).undo)
    // One by one: a tree may be larger than what a call takes as arguments.
    for (const change of step.changes) changes.push(change)
    for (const result of step.results?.() ?? []) results.push(result)
  }
  try {
    for (const [i, operation] of operations.entries()) {
      try {
        run(operation)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        errors.push({ OpIndex: i, What: error.message })
      }
    }
  } finally {
    for (const takeBack of undo.reverse()) takeBack()
  }
  return errors.length > 0 ? { changes: [], done: false, errors } : { changes, done: true, results }
}

function stepOf(state: State, operation: TxnOperation, decide: Decide): Step {
  if (operation.kind === 'kv') {
    const verb = KV_VERBS.get(operation.verb)
    if (verb === undefined) return refuse(`unknown KV verb ${quoted(operation.verb)}`)
    return verb(operation, state, decide)
  }
  const { verb, kind } = operation
  const run = CATALOG_VERBS.get(verb)
  const target = targetOf(state, operation)
  if (run === undefined) return refuse(`unknown ${kind[0]!.toUpperCase()}${kind.slice(1)} verb ${quoted(verb)}`)
  return run(target, state, decide)
}

function refuse(reason: string): never {
  throw new Refusal(409, reason)
}

const quoted = (text: string) => JSON.stringify(text)

type KvVerb = (operation: TxnKv, state: State, decide: Decide) => Step

const KV_VERBS: ReadonlyMap<string, KvVerb> = new Map<string, KvVerb>([
  [
    'set',
    kvWrite(
      () => ({}),
      () => '',
    ),
  ],
  [
    'cas',
    kvWrite(
      ({ index }) => ({ cas: index }),
      (key) => `failed to set key ${key}, index is stale`,
    ),
  ],
  ['lock', lock],
  [
    'unlock',
    kvWrite(
      ({ session }) => ({ release: given(session) }),
      (key) => `failed to unlock key ${key}, lock isn't held, or is held by another session`,
    ),
  ],
  [
    'get',
    (operation, state) =>
      showing(
        pairOf(operation, state, (key) => `key ${key} doesn't exist`),
        true,
      ),
  ],
  ['get-or-empty', ({ key }, state) => showing(state.kv.get(key) ?? emptyPair(key), true)],
  ['get-tree', ({ key }, state) => ({ changes: [], results: () => tree(state, key) })],
  ['check-index', checkIndex],
  ['check-session', checkSession],
  ['check-not-exists', ({ key }, state) => (state.kv.has(key) ? refuse(`key ${quoted(key)} exists`) : { changes: [] })],
  ['delete', kvDelete(false)],
  ['delete-tree', kvDelete(true)],
  ['delete-cas', deleteCas],
])

function kvWrite(condition: (operation: TxnKv) => object, failure: (key: string) => string): KvVerb {
  return (operation, state, decide) => {
    const { key, value, flags } = operation
    if (key === '') refuse('Must provide key')
    const { changes, done } = decide(state, { type: 'kv-set', key, value, flags, ...condition(operation) })
    if (!done) refuse(failure(quoted(key)))
    return { changes, results: () => [{ kind: 'kv', record: state.kv.get(key)!, valued: false }] }
  }
}

const acquire = kvWrite(
  ({ session }) => ({ acquire: given(session) }),
  (key) => `failed to lock key ${key}, lock is already held`,
)

function lock(operation: TxnKv, state: State, decide: Decide): Step {
  if (state.delays.has(operation.key)) refuse(`failed to lock key ${quoted(operation.key)} due to lock delay`)
  return acquire(operation, state, decide)
}

const given = (session: string) => (session === '' ? refuse('missing session') : session)

function pairOf({ key }: TxnKv, state: State, absent: (key: string) => string): KvRecord {
  return state.kv.get(key) ?? refuse(absent(quoted(key)))
}

function showing(record: KvRecord, valued: boolean): Step {
  return { changes: [], results: () => [{ kind: 'kv', record, valued }] }
}

function emptyPair(key: string): KvRecord {
  return { Key: key, Value: '', Flags: '0', LockIndex: 0, CreateIndex: 0, ModifyIndex: 0 }
}

function tree(state: State, prefix: string): TxnResult[] {
  return [...state.keys.under(prefix)].map((key) => ({ kind: 'kv', record: state.kv.get(key)!, valued: true }))
}

function checkIndex(operation: TxnKv, state: State): Step {
  const pair = pairOf(operation, state, (key) => `failed to check index, key ${key} doesn't exist`)
  const { ModifyIndex: current, Key } = pair
  if (current === operation.index) return showing(pair, false)
  return refuse(`failed index check for key ${quoted(Key)}, current modify index ${current} != ${operation.index}`)
}

function checkSession(operation: TxnKv, state: State): Step {
  const pair = pairOf(operation, state, (key) => `failed to check session, key ${key} doesn't exist`)
  const { Session: holder = '', Key } = pair
  const current = state.endings.has(holder) ? '' : holder
  if (current === operation.session) return showing(pair, false)
  const sessions = `current session ${quoted(current)} != ${quoted(operation.session)}`
  return refuse(`failed session check for key ${quoted(Key)}, ${sessions}`)
}

function kvDelete(recurse: boolean): KvVerb {
  return ({ key }, state, decide) => ({ changes: decide(state, { type: 'kv-delete', key, recurse }).changes })
}

function deleteCas({ key, index }: TxnKv, state: State, decide: Decide): Step {
  const { changes, done } = decide(state, { type: 'kv-delete', key, recurse: false, cas: index })
  return done ? { changes } : refuse(`failed to delete key ${quoted(key)}, index is stale`)
}

/** A node, service or check that an operation is about. */
interface Target {
  /** For error texts. */
  readonly name: string
  readonly index: number
  readonly register: Register | undefined
  readonly deregister: Deregister
  find(): Exclude<TxnResult, { kind: 'kv' }> | undefined
}

type CatalogVerb = (target: Target, state: State, decide: Decide) => Step

const CATALOG_VERBS: ReadonlyMap<string, CatalogVerb> = new Map<string, CatalogVerb>([
  ['get', getEntry],
  ['set', setEntry],
  [
    'cas',
    (target, state, decide) => (isStale(target) ? refuse(stale('set', target)) : setEntry(target, state, decide)),
  ],
  ['delete', deleteEntry],
  [
    'delete-cas',
    (target, state, decide) => {
      const wrong = isStale(target) || target.find() === undefined
      return wrong ? refuse(stale('delete', target)) : deleteEntry(target, state, decide)
    },
  ],
])

function getEntry({ name, find }: Target): Step {
  const found = find() ?? refuse(`${name} doesn't exist`)
  return { changes: [], results: () => [found] }
}

function setEntry({ register, find }: Target, state: State, decide: Decide): Step {
  if (register === undefined) return { changes: [] }
  if (register.skipNodeUpdate && !state.nodes.has(register.node.Node)) refuse('Missing node registration')
  return { changes: decide(state, register).changes, results: () => [find()].filter((one) => one !== undefined) }
}

function deleteEntry({ deregister }: Target, state: State, decide: Decide): Step {
  return { changes: decide(state, deregister).changes }
}

const isStale = ({ find, index }: Target) => (find()?.record.ModifyIndex ?? 0) !== index
const stale = (what: string, { name }: Target) => `failed to ${what} ${name}, index is stale`

function targetOf(state: State, operation: Exclude<TxnOperation, TxnKv>): Target {
  const { kind, index, register } = operation
  if (kind === 'node') {
    const node = operation.node || (state.nodeIds.get(operation.id) ?? '')
    const find = () => found(state.nodes.get(node), (record) => ({ kind, record }))
    return { name: `node ${quoted(node)}`, index, register, deregister: { type: 'deregister', node }, find }
  }
  const { node, id } = operation
  const name = `${kind} ${quoted(id)} on node ${quoted(node)}`
  const key = onNode(node, id)
  const deregister: Deregister = {
    type: 'deregister',
    node,
    ...(kind === 'service' ? { serviceId: id } : { checkId: id }),
  }
  const find = () =>
    kind === 'service'
      ? found(state.services.get(key), (record) => ({ kind, record }))
      : found(state.checks.get(key), (record) => ({ kind, record }))
  return { name, index, register, deregister, find }
}

function found<R, T>(record: R | undefined, show: (record: R) => T): T | undefined {
  return record === undefined ? undefined : show(record)
}
