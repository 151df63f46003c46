/** Where the processes of a fleet keep what the registry said last, for a start while it is away. */
import { rmSync } from 'node:fs'
import path from 'node:path'
import { type Environment, SETTINGS } from '../../core/settings.ts'
import type { Plan } from './plan.ts'

/** The folder, or `off`, for SKEIN_SNAPSHOTS of the children: the user's own choice, else `.skein/snapshots` beside the config. */
export function snapshotsOf({ file, registry }: Plan, env: Environment): string {
  const given = env[SETTINGS.snapshots]
  if (given !== undefined && given !== '') return given
  const folder = path.join(path.dirname(file), '.skein', 'snapshots')
  // A registry that starts with this fleet knows better than an earlier fleet, whose ports may be others' by now.
  if (registry.start !== undefined) rmSync(folder, { recursive: true, force: true })
  return folder
}
