/** The smallest checks of a config, each adding an issue where the value does not fit. */
import { type IssueList, nearest } from '../../core/issues.ts'

export type Fields = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `'abc'`, `12`, `a list`, `an object`, `nothing`: what was found, for messages. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' || typeof value === 'function'
    ? `an ${typeof value}`.replace('an f', 'a f')
    : String(value)
}

/** Adds an issue for each key of `value` that is not in `known`. */
export function refuseUnknownKeys(value: Fields, known: readonly string[], issues: IssueList, key: string): void {
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const fix = near === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean ${near}?`
    issues.add(join(key, name), 'unknown key', fix)
  }
}

/** A path into the config: `services.users`, `services["a b"]`. */
export function join(key: string, name: string): string {
  const step = /^[\w-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
  return key === '' ? step.replace(/^\./, '') : key + step
}

/** True when absent or a whole number in range. */
export function checkWhole(
  value: unknown,
  min: number,
  max: number,
  issues: IssueList,
  key: string,
): value is number | undefined {
  if (value === undefined) return true
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return true
  const range = `from ${min} to ${max}`
  issues.add(key, `${shown(value)} is not a whole number ${range}`, `Write a number ${range}.`)
  return false
}

export function checkPort(value: unknown, issues: IssueList, key: string): value is number | undefined {
  return checkWhole(value, 1, 65_535, issues, key)
}

export function checkText(
  value: unknown,
  issues: IssueList,
  key: string,
  example: string,
): value is string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return true
  issues.add(key, `${shown(value)} is not a text`, `Write it as '${example}'.`)
  return false
}
