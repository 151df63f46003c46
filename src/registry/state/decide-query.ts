import type { Decision, QueryDelete, QuerySet } from './commands.ts'
import { Refusal } from './refusal.ts'
import type { State } from './state.ts'

/** Names are unique, whatever their case, for DNS knows none. */
export function decideQuerySet(state: State, { query, isNew }: QuerySet): Decision {
  const { ID, Name, Session } = query
  if (!isNew) refuseUnknown(state, ID)
  const named = Name === '' ? undefined : state.queryNames.get(Name.toLowerCase())
  if (named !== undefined && named !== ID) throw new Refusal(500, `name '${Name}' aliases an existing query name`)
  if (Session !== '' && !state.sessions.has(Session)) throw new Refusal(500, `invalid session "${Session}"`)
  return { changes: [{ kind: 'query', key: ID, body: query }], done: true }
}

export function decideQueryDelete(state: State, { id }: QueryDelete): Decision {
  refuseUnknown(state, id)
  return { changes: [{ kind: 'query', key: id, body: null }], done: true }
}

function refuseUnknown(state: State, id: string): void {
  if (!state.queries.has(id)) throw new Refusal(500, `Cannot modify non-existent prepared query: '${id}'`)
}
