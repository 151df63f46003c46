/** Keys in the state. They have their index in the record; only the table's is kept. */
import type { Application, Place } from './application.ts'
import type { KvBody, KvRecord } from './records.ts'
import { keyResource, RESOURCE } from './resources.ts'

export const KEYS: Place<KvBody> = {
  find: (state, key) => state.kv.get(key),
  place: placeKey,
  put: putKey,
  remove: removeKey,
}

/** Loading sorts all names at once. */
function placeKey(application: Application, key: string, pair: KvRecord): void {
  const { state, journal } = application
  letGo(application, key)
  journal.set(state.kv, key, pair)
  if (pair.Session !== undefined) state.locks.set(journal, pair.Session, key, pair)
}

function putKey(application: Application, key: string, pair: KvRecord): void {
  const { state, journal } = application
  if (!state.kv.has(key)) {
    journal.run(
      () => state.keys.add(key),
      () => state.keys.remove(key),
    )
  }
  placeKey(application, key, pair)
  touchKey(application, key)
}

function removeKey(application: Application, key: string): void {
  const { state, journal } = application
  if (!state.kv.has(key)) return
  letGo(application, key)
  journal.delete(state.kv, key)
  journal.run(
    () => state.keys.remove(key),
    () => state.keys.add(key),
  )
  state.tombstones.add(journal, key, application.index)
  touchKey(application, key)
}

function letGo({ state, journal }: Application, key: string): void {
  const holder = state.kv.get(key)?.Session
  if (holder !== undefined) state.locks.delete(journal, holder, key)
}

function touchKey(application: Application, key: string): void {
  application.touch(RESOURCE.kv)
  application.wake(keyResource(key))
}
