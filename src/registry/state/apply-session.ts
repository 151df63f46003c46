/** Sessions in the state, whom they depend on, and the keys whose lock is delayed. */
import type { Application, Place } from './application.ts'
import { type DelayBody, onNode, type SessionBody, type SessionRecord } from './records.ts'
import { RESOURCE } from './resources.ts'

export const SESSIONS: Place<SessionBody> = {
  find: (state, key) => state.sessions.get(key) ?? state.endings.get(key),
  place: placeSession,
  put(application, key, session) {
    const renewed = application.state.sessions.has(key)
    if (session.ending === true) removeSession(application, key)
    placeSession(application, key, session)
    // Nothing but the count of renewals ever changes while it lives, and nobody sees that.
    if (!renewed && session.ending !== true) application.touch(RESOURCE.sessions)
  },
  remove: removeSession,
}

function placeSession({ state, journal }: Application, key: string, session: SessionRecord): void {
  if (session.ending === true) {
    journal.set(state.endings, key, session)
    return
  }
  journal.set(state.sessions, key, session)
  state.sessionsOnNode.set(journal, session.Node, key, session)
  for (const check of checksOf(session)) state.sessionsOfCheck.set(journal, onNode(session.Node, check), key, session)
}

function removeSession(application: Application, key: string): void {
  const { state, journal } = application
  journal.delete(state.endings, key)
  const session = state.sessions.get(key)
  if (session === undefined) return
  journal.delete(state.sessions, key)
  state.sessionsOnNode.delete(journal, session.Node, key)
  for (const check of checksOf(session)) state.sessionsOfCheck.delete(journal, onNode(session.Node, check), key)
  application.touch(RESOURCE.sessions)
}

/** IDs of the checks on its node that a session needs. */
export function checksOf({ NodeChecks, ServiceChecks, Checks = [] }: SessionBody): ReadonlySet<string> {
  return new Set([...NodeChecks, ...(ServiceChecks ?? []).map(({ ID }) => ID), ...Checks])
}

/** Nobody waits for the end of a delay: clients that want the lock ask again. */
export const DELAYS: Place<DelayBody> = {
  find: (state, key) => state.delays.get(key),
  place: ({ state, journal }, key, delay) => journal.set(state.delays, key, delay),
  put: ({ state, journal }, key, delay) => journal.set(state.delays, key, delay),
  remove: ({ state, journal }, key) => journal.delete(state.delays, key),
}
