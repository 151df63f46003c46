/** This package: which version, and how others depend on it. */
import path from 'node:path'
import { type Manifest, manifest } from '../core/manifest.ts'

export function version(): string {
  return own().version
}

/** What the package.json in `dir` depends on: this version, or the folder of a checkout, of which npm knows nothing. */
export function dependencyFor(dir: string): string {
  const { version, private: isCheckout, root } = own()
  return isCheckout === true ? `file:${path.relative(dir, root)}` : `^${version}`
}

function own(): Manifest {
  const found = manifest()
  if (found === undefined) throw new Error('package.json of skein is missing')
  return found
}
