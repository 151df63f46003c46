/** Prepared queries in the state. */
import type { Application, Place } from './application.ts'
import type { QueryBody, QueryRecord } from './records.ts'
import { RESOURCE } from './resources.ts'

export const QUERIES: Place<QueryBody> = {
  find: (state, key) => state.queries.get(key),
  place: placeQuery,
  put(application, key, query) {
    forgetName(application, key)
    placeQuery(application, key, query)
    application.touch(RESOURCE.queries)
  },
  remove(application, key) {
    forgetName(application, key)
    application.journal.delete(application.state.queries, key)
    application.touch(RESOURCE.queries)
  },
}

function placeQuery({ state, journal }: Application, key: string, query: QueryRecord): void {
  journal.set(state.queries, key, query)
  if (query.Name !== '') journal.set(state.queryNames, query.Name.toLowerCase(), key)
}

function forgetName({ state, journal }: Application, key: string): void {
  const name = state.queries.get(key)?.Name.toLowerCase()
  if (name !== undefined && state.queryNames.get(name) === key) journal.delete(state.queryNames, name)
}
