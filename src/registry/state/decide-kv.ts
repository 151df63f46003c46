import type { Decision, KvDelete, KvSet } from './commands.ts'
import { bare, type Change, type KvBody, type KvRecord } from './records.ts'
import { Refusal } from './refusal.ts'
import type { State } from './state.ts'

const NOTHING: readonly Change[] = []

export function decideKvSet(state: State, command: KvSet): Decision {
  const { key, value, flags, cas } = command
  const before = state.kv.get(key)
  if (cas !== undefined && cas !== (before?.ModifyIndex ?? 0)) return { changes: NOTHING, done: false }
  const lock = lockAfter(state, command, before)
  if (lock === undefined) return { changes: NOTHING, done: false }
  const body: KvBody = { Key: key, Value: value, Flags: flags, ...lock }
  if (before !== undefined && same(bare(before), body)) return { changes: NOTHING, done: true }
  return { changes: [{ kind: 'kv', key, body }], done: true }
}

type Lock = Pick<KvBody, 'LockIndex' | 'Session'>

/** Undefined when the lock cannot be taken or let go. */
function lockAfter(state: State, { key, acquire, release }: KvSet, before: KvRecord | undefined): Lock | undefined {
  if (acquire !== undefined) return state.delays.has(key) ? undefined : acquired(state, acquire, before)
  const holder = before?.Session
  if (release !== undefined) return holder === release ? { LockIndex: before!.LockIndex } : undefined
  return { LockIndex: 0, ...(holder === undefined ? {} : { Session: holder }) } // L9: locks are advisory
}

/** LockIndex counts how often the lock went from free to held. */
function acquired(state: State, session: string, before: KvRecord | undefined): Lock | undefined {
  if (!state.sessions.has(session)) throw new Refusal(500, `invalid session "${session}"`)
  const { Session: holder, LockIndex = 0 } = before ?? {}
  if (holder !== undefined && holder !== session) return undefined
  return { LockIndex: holder === undefined ? LockIndex + 1 : LockIndex, Session: session }
}

function same(a: KvBody, b: KvBody): boolean {
  return a.Value === b.Value && a.Flags === b.Flags && a.LockIndex === b.LockIndex && a.Session === b.Session
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
