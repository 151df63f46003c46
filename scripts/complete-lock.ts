/**
 * Completes package-lock.json: `node scripts/complete-lock.ts`. npm leaves out what the registry in use does not serve, such as
 * programs for other systems in a partial mirror; but `npm ci` refuses a lock that lacks an optional dependency, on every
 * system. The entries added have no checksum, for want of the package; they are installed only where system and processor fit.
 */
import { readFileSync, writeFileSync } from 'node:fs'

export interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>
}

interface LockEntry {
  readonly version?: string
  readonly dev?: boolean
  readonly license?: string
  readonly engines?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Optional dependencies without an entry of their own: key in `packages` → version and who wants it. */
export function missingFromLock(lock: Lock): Map<string, { version: string; wantedBy: LockEntry }> {
  const missing = new Map<string, { version: string; wantedBy: LockEntry }>()
  for (const wantedBy of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(wantedBy.optionalDependencies ?? {})) {
      const key = `node_modules/${name}`
      if (!(key in lock.packages)) missing.set(key, { version, wantedBy })
    }
  }
  return missing
}

/** The lock with entries for what is missing. @throws Error for a name that does not tell its system and processor. */
export function completed(lock: Lock): Lock {
  const added = [...missingFromLock(lock)].map(([key, { version, wantedBy }]) => {
    const found = /-(aix|android|darwin|freebsd|linux|win32)-(arm|arm64|ia32|x64)(-musl)?$/.exec(key)
    if (found === null)
      throw new Error(`${key}: cannot tell its system and processor; add it to package-lock.json by hand`)
    const { dev, license, engines } = wantedBy
    const libc = found[3] === undefined ? {} : { libc: ['musl'] }
    return [key, { version, cpu: [found[2]], dev, ...libc, license, optional: true, os: [found[1]], engines }] as const
  })
  // The root's own entry has the empty key, which sorts first.
  const entries = [...Object.entries(lock.packages), ...added].sort(([a], [b]) => (a < b ? -1 : 1))
  return { ...lock, packages: Object.fromEntries(entries) }
}

if (import.meta.main) {
  const file = new URL('../package-lock.json', import.meta.url)
  const lock = JSON.parse(readFileSync(file, 'utf8')) as Lock
  writeFileSync(file, `${JSON.stringify(completed(lock), null, 2)}\n`)
}
