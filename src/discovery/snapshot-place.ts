/** Where a process keeps its snapshot files, by SKEIN_SNAPSHOTS. */
import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import path from 'node:path'
import { type Environment, registryAddress, SETTINGS } from '../core/settings.ts'

/**
 * A folder as it is given; for `on` one in the user's cache folder, another for each registry, because names and addresses mean
 * nothing elsewhere; undefined for `off` and when nothing is given.
 */
export function snapshotFolder(env: Environment, registry = registryAddress(env)): string | undefined {
  const given = env[SETTINGS.snapshots] ?? ''
  if (given === '' || given === 'off') return undefined
  if (given !== 'on') return given
  const hash = createHash('sha256').update(registry).digest('hex').slice(0, 12)
  return path.join(cacheFolder(env), 'skein', hash)
}

function cacheFolder({ XDG_CACHE_HOME, LOCALAPPDATA }: Environment): string {
  if (XDG_CACHE_HOME !== undefined && path.isAbsolute(XDG_CACHE_HOME)) return XDG_CACHE_HOME
  if (process.platform === 'win32' && LOCALAPPDATA !== undefined) return LOCALAPPDATA
  return path.join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache')
}
