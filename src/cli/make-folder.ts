/**
 * Makes a folder and those above it. Not by mkdir's `recursive`: under /proc, and wherever else nothing can be made, Node
 * never returns from it.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import path from 'node:path'

/** One that is there already is fine. @throws the file system's error naming the folder that cannot be made. */
export function makeFolder(folder: string): void {
  const above = path.dirname(folder)
  if (above !== folder && !existsSync(above)) makeFolder(above)
  try {
    mkdirSync(folder)
  } catch (error) {
    const isThere = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isThere) throw error
  }
}
