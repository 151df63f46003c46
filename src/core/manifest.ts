/** The package.json of this package, and not of an app into whose bundle somebody has put it. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

export interface Manifest {
  /** The folder that it is in. */
  readonly root: string
  readonly version: string
  /** Of a checkout. */
  readonly private?: boolean
}

/** The built package has core/ beside package.json; in a checkout src/ lies between. */
const PLACES = ['..', '../..'].map((place) => path.join(import.meta.dirname, place))

/** Undefined where there is none, as in such a bundle. */
export function manifest(): Manifest | undefined {
  const root = PLACES.find((place) => existsSync(path.join(place, 'package.json')))
  if (root === undefined) return undefined
  const { name, ...rest } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  return name === 'skein' ? { ...rest, root } : undefined
}
