/** Instances that were removed for good. */
import type { Place } from './application.ts'
import type { RemovedBody } from './records.ts'
import { RESOURCE } from './resources.ts'

export const REMOVED: Place<RemovedBody> = {
  find: (state, key) => state.removed.get(key),
  place: ({ state, journal }, key, removed) => journal.set(state.removed, key, removed),
  put(application, key, removed) {
    application.journal.set(application.state.removed, key, removed)
    application.touch(RESOURCE.removed)
  },
  remove(application, key) {
    application.journal.delete(application.state.removed, key)
    application.touch(RESOURCE.removed)
  },
}
