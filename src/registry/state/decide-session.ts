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

/**
 * `done` is false when it was gone already, or renewed in between. Of a session that is ending it is the next step: as
 * many of its keys as one write takes, and the session with the last of them.
 */
export function decideSessionEnd(state: State, { id, renewals }: SessionEnd): Decision {
  const ending = state.endings.get(id)
  if (ending !== undefined) return { changes: nextStep(state, ending), done: true }
  const session = state.sessions.get(id)
  if (session === undefined || (renewals !== undefined && renewals < renewalsOf(session))) {
    return { changes: NOTHING, done: false }
  }
  return { changes: endOrBegin(state, session, budgetOf(state)), done: true }
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
  const budget = budgetOf(state)
  return [...ended].flatMap((session) => endOrBegin(state, session, budget))
}

function struckBy(state: State, { kind, key, body }: Change): Iterable<SessionRecord> {
  if (kind === 'node' && body === null) return state.sessionsOnNode.get(key).values()
  if (kind === 'check' && (body === null || body.Status === 'critical')) return state.sessionsOfCheck.get(key).values()
  return []
}

const NS_PER_MS = 1e6
const DELAY_MAX_MS = 60_000

/** The other half is for what ends them. */
const budgetOf = ({ writeMaxBytes }: State) => ({ bytes: writeMaxBytes / 2 })

/**
 * Its end if that fits into the write, else the beginning of it: from then on it is no session any more, and its keys stay
 * locked until the steps let them go. So a lock is never free before its holder's session is over.
 */
function endOrBegin(state: State, session: SessionRecord, budget: { bytes: number }): Change[] {
  const end = endOf(state, session)
  if (budget.bytes === Number.POSITIVE_INFINITY) return end
  const begun: Change = { kind: 'session', key: session.ID, body: { ...bare(session), ending: true } }
  const changes = end.length === 1 || sizeOf(end) <= budget.bytes ? end : [begun]
  budget.bytes -= sizeOf(changes)
  return changes
}

/** Its keys first. Its prepared queries go too. */
function endOf(state: State, session: SessionRecord): Change[] {
  const keys = [...state.locks.get(session.ID).values()].flatMap((pair) => letGo(session, pair))
  return [...keys, ...lastOf(state, session)]
}

/** At least one key, however large its value is. */
function nextStep(state: State, session: SessionRecord): Change[] {
  const changes: Change[] = []
  let { bytes } = budgetOf(state)
  for (const pair of state.locks.get(session.ID).values()) {
    const next = letGo(session, pair)
    bytes -= sizeOf(next)
    if (bytes < 0 && changes.length > 0) return changes
    changes.push(...next)
  }
  return [...changes, ...lastOf(state, session)]
}

/** A key is freed or deleted, and delayed. */
function letGo(session: SessionRecord, pair: KvRecord): Change[] {
  const ms = Math.min(session.LockDelay / NS_PER_MS, DELAY_MAX_MS)
  const delay: Change = { kind: 'delay', key: pair.Key, body: { Key: pair.Key, Session: session.ID, ms } }
  return [
    session.Behavior === 'delete' ? { kind: 'kv', key: pair.Key, body: null } : freed(pair),
    ...(ms > 0 ? [delay] : []),
  ]
}

function lastOf(state: State, session: SessionRecord): Change[] {
  const queries = [...state.queries.values()]
    .filter(({ Session }) => Session === session.ID)
    .map(({ ID }): Change => ({ kind: 'query', key: ID, body: null }))
  return [...queries, { kind: 'session', key: session.ID, body: null }]
}

/** What a change costs beside key and body, roughly. */
const OVERHEAD_BYTES = 100

/** Values are base64, and make up nearly all of what is large; of a key each UTF-16 unit has up to three bytes. */
function sizeOf(changes: readonly Change[]): number {
  return changes.reduce(
    (sum, { key, body }) => sum + OVERHEAD_BYTES + 3 * key.length + (body === null ? 0 : JSON.stringify(body).length),
    0,
  )
}

function freed(pair: KvRecord): Change {
  const { Session: _holder, ...body } = bare(pair)
  return { kind: 'kv', key: pair.Key, body }
}
