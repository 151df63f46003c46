/** Tells when a file has been saved. */
import { existsSync, watch } from 'node:fs'
import path from 'node:path'
import type { Clock, Timer } from '../../core/clock.ts'

/** Editors write in several steps; the file is taken as saved this long after the last, ms. */
const SETTLE_MS = 100

/** Calls `saved` each time. Returns the function that ends it. */
export function watchFile(file: string, clock: Clock, saved: () => void): () => void {
  let timer: Timer | undefined
  // The folder is watched, not the file: many editors write a new file and rename it over the old one.
  const watcher = watch(path.dirname(file), (_event, name) => {
    if (name !== null && name !== path.basename(file)) return
    timer?.cancel()
    timer = clock.after(SETTLE_MS, () => {
      if (existsSync(file)) saved()
    })
  })
  return () => {
    timer?.cancel()
    watcher.close()
  }
}
