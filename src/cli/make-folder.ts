/**
 * Makes a folder and those above it. Not by mkdir's `recursive`: under /proc, and wherever else nothing can be made, Node
 * never returns from it.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { Failure } from './command.ts'

/** One that is there already is fine. @throws Failure naming the folder that cannot be made. */
export function makeFolder(folder: string): void {
  const above = path.dirname(folder)
  if (above !== folder && !existsSync(above)) makeFolder(above)
  try {
    mkdirSync(folder)
  } catch (error) {
    const isThere = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isThere)
      throw new Failure(
        `the folder ${folder} cannot be made: ${(error as Error).message}`,
        'Choose another place for it.',
      )
  }
}
