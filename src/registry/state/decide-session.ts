import { checksOf } from './apply-session.ts'
import type { Decision, DelayEnd, SessionCreate, SessionEnd, SessionRenew } from './commands.ts'
import { bare, type Change, type KvRecord, onNode, type SessionBody, type SessionRecord } from './records.ts'
import { Refusal } from './refusal.ts'
import type { State } from './state.ts'

const NOTHING: readonly Change[] = []

/** Nobody starts a session that would have to end at once. */
export function decideSessionCreate(state: State, { session }: SessionCreate): Decision {
  if (!state.nodes.has(session.Node)) throw new Refusal(500, 'Missing node registration')
  for (const id of checksOf(session)) {
    const check = state.checks.get(onNode(session.Node, id))
    if (check === undefined) throw new Refusal(500, `Missing check '${id}' registration`)
    if (check.Status === 'critical') throw new Refusal(500, `Check '${id}' is in critical state`)
  }
  return { changes: [{ kind: 'session', key: session.ID, body: session }], done: true }
}

/** `done` is false when it was gone already, or renewed in between. */
export function decideSessionEnd(state: State, { id, renewals }: SessionEnd): Decision {
  const session = state.sessions.get(id)
  if (session === undefined || (renewals !== undefined && renewals < renewalsOf(session))) {
    return { changes: NOTHING, done: false }
  }
  return { changes: endOf(state, session), done: true }
}

export function decideSessionRenew(state: State, { id }: SessionRenew): Decision {
  const session = state.sessions.get(id)
  if (session === undefined) return { changes: NOTHING, done: false }
  const body = { ...bare(session), renewals: renewalsOf(session) + 1 }
  return { changes: [{ kind: 'session', key: id, body }], done: true }
}

export const renewalsOf = ({ renewals = 0 }: SessionBody) => renewals

export function decideDelayEnd(state: State, { key, session }: DelayEnd): Decision {
  if (state.delays.get(key)?.Session !== session) return { changes: NOTHING, done: false }
  return { changes: [{ kind: 'delay', key, body: null }], done: true }
}

/** What `changes` do to sessions: those end that need a check which turns critical or goes, or whose node goes. */
export function endedSessions(state: State, changes: readonly Change[]): readonly Change[] {
  if (state.sessions.size === 0) return NOTHING
  const ended = new Set<SessionRecord>()
  for (const change of changes) for (const session of struckBy(state, change)) ended.add(session)
  return [...ended].flatMap((session) => endOf(state, session))
}

function struckBy(state: State, { kind, key, body }: Change): Iterable<SessionRecord> {
  if (kind === 'node' && body === null) return state.sessionsOnNode.get(key).values()
  if (kind === 'check' && (body === null || body.Status === 'critical')) return state.sessionsOfCheck.get(key).values()
  return []
}

const NS_PER_MS = 1e6
const DELAY_MAX_MS = 60_000

/** Its keys first: each is freed or deleted, and delayed. Its prepared queries go too. */
function endOf(state: State, session: SessionRecord): Change[] {
  const ms = Math.min(session.LockDelay / NS_PER_MS, DELAY_MAX_MS)
  const keys = [...state.locks.get(session.ID).values()].flatMap((pair): Change[] => {
    const delay: Change = { kind: 'delay', key: pair.Key, body: { Key: pair.Key, Session: session.ID, ms } }
    return [
      session.Behavior === 'delete' ? { kind: 'kv', key: pair.Key, body: null } : freed(pair),
      ...(ms > 0 ? [delay] : []),
    ]
  })
  const queries = [...state.queries.values()]
    .filter(({ Session }) => Session === session.ID)
    .map(({ ID }): Change => ({ kind: 'query', key: ID, body: null }))
  return [...keys, ...queries, { kind: 'session', key: session.ID, body: null }]
}

function freed(pair: KvRecord): Change {
  const { Session: _holder, ...body } = bare(pair)
  return { kind: 'kv', key: pair.Key, body }
}
