/** This package: which version, and how others depend on it. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** The built package has cli/ beside package.json; in a checkout src/ lies between. */
const PLACES = ['..', '../..'].map((place) => path.join(import.meta.dirname, place))

export function version(): string {
  return manifest().version
}

/** What the package.json in `dir` depends on: this version, or the folder of a checkout, of which npm knows nothing. */
export function dependencyFor(dir: string): string {
  const { version, private: isCheckout } = manifest()
  return isCheckout === true ? `file:${path.relative(dir, root())}` : `^${version}`
}

function manifest(): { readonly version: string; readonly private?: boolean } {
  return JSON.parse(readFileSync(path.join(root(), 'package.json'), 'utf8'))
}

function root(): string {
  const found = PLACES.find((place) => existsSync(path.join(place, 'package.json')))
  if (found === undefined) throw new Error('package.json of skein is missing')
  return found
}
