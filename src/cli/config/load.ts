/** Finding and reading a config: `skein.config.ts`, `.js`, `.mjs` or `.json`. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigError } from '../../core/issues.ts'
import { Failure } from '../command.ts'
import type { FleetConfig } from '../define.ts'
import { checkConfig } from './check.ts'
import { whereItFailed } from './load-error.ts'

const NAMES = ['skein.config.ts', 'skein.config.js', 'skein.config.mjs', 'skein.config.json'] as const

export interface LoadedConfig {
  readonly config: FleetConfig
  /** Absolute. */
  readonly file: string
}

/**
 * Reads and checks a config; without a path the nearest one, walking up from `cwd`. Each call reads the file anew; modules
 * which the config imports are read once per process, as Node keeps them.
 * @throws ConfigError with every mistake; Failure when there is no such file.
 */
export async function loadConfig(given?: string, cwd = process.cwd()): Promise<LoadedConfig> {
  const file = findConfig(given, cwd)
  const shown = shortPath(file, cwd)
  const value = await readConfig(file, shown)
  const issues = checkConfig(value, file).map((issue) => ({ ...issue, file: shown }))
  if (issues.length > 0) throw new ConfigError(issues)
  return { config: value as FleetConfig, file }
}

/** The absolute path of the config; `given` may be a file or a folder. @throws Failure when there is none. */
export function findConfig(given: string | undefined, cwd: string): string {
  if (given === undefined) return findUpwards(cwd)
  const file = path.resolve(cwd, given)
  const inside = NAMES.map((name) => path.join(file, name)).find(isFile)
  if (inside !== undefined) return inside
  if (isFile(file)) return file
  const [what, where] = existsSync(file) ? [`no ${NAMES[0]} in`, 'in'] : ['no config', 'at']
  throw new Failure(`there is ${what} ${given}`, `It was looked for ${where} ${file}.`)
}

const isFile = (file: string) => statSync(file, { throwIfNoEntry: false })?.isFile() === true

function findUpwards(cwd: string): string {
  for (let dir = cwd; ; dir = path.dirname(dir)) {
    const found = NAMES.map((name) => path.join(dir, name)).find(isFile)
    if (found !== undefined) return found
    if (dir === path.dirname(dir)) break
  }
  throw new Failure(
    `there is no skein.config.ts in ${cwd} or above`,
    'Name one with --config <file>, or write a project with: skein init <folder>',
  )
}

/** Counts readings: another address is another module to Node, which else would answer with the first reading. */
let readings = 0

async function readConfig(file: string, shown: string): Promise<unknown> {
  try {
    if (file.endsWith('.json')) return JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
    const url = pathToFileURL(file)
    if (readings++ > 0) url.searchParams.set('reading', String(readings))
    return (await import(url.href)).default
  } catch (error) {
    throw new ConfigError([await whereItFailed(error, file, shown)])
  }
}

/** Relative to `cwd` where that is inside, else absolute. */
export function shortPath(file: string, cwd: string): string {
  const relative = path.relative(cwd, file)
  return relative === '' || relative.startsWith('..') ? file : relative
}
