/** Tells when a file has been saved. */
import { existsSync, watch } from 'node:fs'
import path from 'node:path'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'

/** Editors write in several steps; the file is taken as saved this long after the last, ms. */
const SETTLE_MS = 100

/** Calls `saved` each time. Returns the function that ends it. Where the system gives no watch, that is logged and all it means. */
export function watchFile(file: string, clock: Clock, log: Logger, saved: () => void): () => void {
  let timer: Timer | undefined
  const changed = (name: string | null) => {
    if (name !== null && name !== path.basename(file)) return
    timer?.cancel()
    timer = clock.after(SETTLE_MS, () => {
      if (existsSync(file)) saved()
    })
  }
  const failed = (error: unknown) =>
    log.warn({ reason: (error as Error).message }, `changes of ${path.basename(file)} are not noticed until a restart`)
  const watcher = openWatch(path.dirname(file), changed, failed)
  return () => {
    timer?.cancel()
    watcher?.close()
  }
}

/** The folder is watched, not the file: many editors write a new file and rename it over the old one. */
function openWatch(folder: string, changed: (name: string | null) => void, failed: (error: unknown) => void) {
  try {
    return watch(folder, (_event, name) => changed(name)).on('error', failed)
  } catch (error) {
    failed(error) // mostly that the user has as many watches as the system allows
    return undefined
  }
}
