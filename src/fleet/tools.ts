/** Finds the programs of `plan.ts` from this file's own place: in a checkout (src/fleet) and in the built package (dist/fleet). */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Tools } from './plan.ts'

/** `from` is the URL of a file in the fleet folder. @throws Error when the package is incomplete. */
export function findTools(from: string = import.meta.url): Tools {
  const extension = from.slice(from.lastIndexOf('.'))
  return {
    node: process.execPath,
    skein: findSkein(from),
    leash: new URL(`./leash${extension}`, from).href,
    guard: fileURLToPath(new URL(`./guard${extension}`, from)),
  }
}

/** The built package has dist/bin beside dist/fleet; in a checkout bin/ is one folder further up. */
function findSkein(from: string): string {
  const places = ['../bin/skein.js', '../../bin/skein.js'].map((path) => fileURLToPath(new URL(path, from)))
  const found = places.find((path) => existsSync(path))
  if (found === undefined) throw new Error(`skein's executable is missing; looked at ${places.join(' and ')}`)
  return found
}
