/** Brings changes into the state and moves the indexes of the resources they touch. */
import { Application, type Place } from './application.ts'
import { ACL_PLACES } from './apply-acl.ts'
import { CHECKS, NODES, ownerOf, placeCheck, SERVICES } from './apply-catalog.ts'
import { KEYS } from './apply-kv.ts'
import { QUERIES } from './apply-query.ts'
import { REMOVED } from './apply-removed.ts'
import { DELAYS, SESSIONS } from './apply-session.ts'
import type { Bodies, Change, Indexes, Kind, StoredRecord } from './records.ts'
import { onNode } from './records.ts'
import { ALL_OUTPUTS, NODE_OUTPUTS, type State } from './state.ts'

/** A new kind of record is a line in `Bodies` and one here. */
const PLACES: { readonly [K in Kind]: Place<Bodies[K]> } = {
  node: NODES,
  service: SERVICES,
  check: CHECKS,
  kv: KEYS,
  session: SESSIONS,
  delay: DELAYS,
  query: QUERIES,
  removed: REMOVED,
  ...ACL_PLACES,
}

export interface Applied {
  /** Resources whose index moved. */
  readonly touched: ReadonlySet<string>
  /** Takes all of it back. Only the last applied may be taken back, then the one before it, and so on. */
  undo(): void
}

/** All of them or, when it throws, none. */
export function applyChanges(state: State, changes: readonly Change[], index: number): Applied {
  const application = new Application(state, index)
  const before = state.index
  state.index = index
  const undo = () => {
    application.journal.rollback()
    state.index = before
  }
  try {
    for (const { kind, key, body, indexes } of changes) applyChange<Kind>(application, kind, key, body, indexes)
  } catch (error) {
    undo()
    throw error
  }
  return { touched: application.touched, undo }
}

/** Undefined for what a newer Skein keeps in the same store: it stays there, and means nothing here. */
function placeOf<K extends Kind>(kind: K): Place<Bodies[K]> | undefined {
  return Object.hasOwn(PLACES, kind) ? PLACES[kind] : undefined
}

function applyChange<K extends Kind>(
  application: Application,
  kind: K,
  key: string,
  body: Bodies[K] | null,
  indexes: Indexes | undefined,
): void {
  const place = placeOf(kind)
  if (place === undefined) return
  if (body === null) place.remove(application, key)
  else place.put(application, key, application.stamp(body, place.find(application.state, key), indexes))
}

/** Fills an empty state with what a storage held when `index` was its last. */
export function loadRecords(state: State, records: Iterable<StoredRecord>, index: number): void {
  const application = new Application(state, index)
  for (const { kind, key, body, ...indexes } of records) placeRecord<Kind>(application, kind, key, body, indexes)
  state.keys.load(state.kv.keys())
  state.tombstones.reset(index)
  state.index = index
  state.loadedAt = index
}

function placeRecord<K extends Kind>(
  application: Application,
  kind: K,
  key: string,
  body: Bodies[K],
  indexes: Indexes,
): void {
  placeOf(kind)?.place(application, key, { ...body, ...indexes })
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
