import type { Decision, KvDelete, KvSet } from './commands.ts'
import type { Change } from './records.ts'
import type { State } from './state.ts'

const NOTHING: readonly Change[] = []

/** A plain write to a locked key keeps its session and resets LockIndex, as Consul does: locks are advisory (L9). */
export function decideKvSet(state: State, { key, value, flags, cas }: KvSet): Decision {
  const before = state.kv.get(key)
  if (cas !== undefined && cas !== (before?.ModifyIndex ?? 0)) return { changes: NOTHING, done: false }
  if (before !== undefined && before.Value === value && before.Flags === flags) return { changes: NOTHING, done: true }
  const session = before?.Session === undefined ? {} : { Session: before.Session }
  const body = { Key: key, Value: value, Flags: flags, LockIndex: 0, ...session }
  return { changes: [{ kind: 'kv', key, body }], done: true }
}

/** Deleting what is not there succeeds, also with `cas`; `cas: 0` on a present key does not. */
export function decideKvDelete(state: State, { key, recurse, cas }: KvDelete): Decision {
  if (recurse) {
    const changes = [...state.keys.under(key)].map((under): Change => ({ kind: 'kv', key: under, body: null }))
    return { changes, done: true }
  }
  const before = state.kv.get(key)
  if (before === undefined) return { changes: NOTHING, done: true }
  if (cas !== undefined && cas !== before.ModifyIndex) return { changes: NOTHING, done: false }
  return { changes: [{ kind: 'kv', key, body: null }], done: true }
}
