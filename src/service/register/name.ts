/** Under which name an app that does not say so is registered. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type Environment, SETTINGS } from '../../core/settings.ts'

/** SKEIN_SERVICE, else the name in the nearest package.json above the app, without its scope. Undefined: none that fits. */
export function serviceName(env: Environment, script: string | undefined): string | undefined {
  const given = env[SETTINGS.service]
  const name = given || (script === undefined ? undefined : packageName(path.dirname(script)))
  return name !== undefined && /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name) ? name : undefined
}

function packageName(folder: string): string | undefined {
  const found = read(path.join(folder, 'package.json'))
  if (found !== undefined) return found.replace(/^@[^/]*\//, '')
  const parent = path.dirname(folder)
  return parent === folder ? undefined : packageName(parent)
}

function read(file: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown }
    return typeof name === 'string' ? name : undefined
  } catch {
    // No such file, or not JSON: the next folder may have one. The app's own start tells what is wrong with it.
    return undefined
  }
}
