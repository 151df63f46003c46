/** Files that a command writes for its user. */
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Failure } from './command.ts'
import { shortPath } from './config/load.ts'
import { makeFolder } from './make-folder.ts'

/** All of them or none: an existing file is never overwritten. @throws Failure naming those that are in the way, with `fix`. */
export function writeNew(dir: string, files: Readonly<Record<string, string>>, cwd: string, fix: string): void {
  const inTheWay = Object.keys(files).filter((name) => existsSync(path.join(dir, name)))
  const list = inTheWay.map((name) => shortPath(path.join(dir, name), cwd)).join(', ')
  if (inTheWay.length > 0) throw new Failure(`already there: ${list}`, `Nothing was written. ${fix}`)
  for (const [name, text] of Object.entries(files)) {
    makeFolder(path.dirname(path.join(dir, name)))
    writeFileSync(path.join(dir, name), text)
  }
}
