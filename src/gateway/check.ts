/**
 * The words in which a gateway's configuration is checked. Every mistake is reported, none stops the search for the next; the
 * check of each key is one line of a table, and what is in no table is an unknown key.
 */
import { type IssueList, nearest } from '../core/issues.ts'

/** Says what is wrong with the value under one key, and what to write instead. `subkey` begins with `.` or `[`. */
export type Report = (message: string, fix: string, subkey?: string) => void
export type Check = (value: unknown, report: Report, context: Context) => void

export interface Context {
  /** Those that may be sent to; undefined = not known here. */
  readonly services: readonly string[] | undefined
}

export type Checks<Config> = Readonly<Record<keyof Config, Check>>

export function reportTo(issues: IssueList, key: string): Report {
  return (message, fix, subkey = '') => issues.add((key + subkey).replace(/^\./, ''), message, fix)
}

/** Runs the check of each key of `value`. */
export function checkKeys(
  value: Readonly<Record<string, unknown>>,
  checks: Readonly<Record<string, Check>>,
  report: Report,
  context: Context,
): void {
  for (const [name, part] of Object.entries(value)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (check === undefined) report('unknown key', suggestion(name, Object.keys(checks)), `.${name}`)
    else if (part !== undefined) check(part, within(report, `.${name}`), context)
  }
}

function within(report: Report, key: string): Report {
  return (message, fix, subkey = '') => report(message, fix, key + subkey)
}

/** An object with these keys, of which `needed` must be there. */
export function fields(
  checks: Readonly<Record<string, Check>>,
  example: string,
  needed: readonly string[] = [],
): Check {
  return (value, report, context) => {
    if (!isRecord(value)) return report('is not an object', `Write it like ${example}.`)
    for (const name of needed) {
      if (value[name] === undefined) report('is missing', `Write it like ${example}.`, `.${name}`)
    }
    checkKeys(value, checks, report, context)
  }
}

/** A list whose entries all pass `check`. */
export function listOf(check: Check, example: string): Check {
  return (value, report, context) => {
    if (!Array.isArray(value)) return report('is not a list', `Write it like ${example}.`)
    for (const [i, entry] of value.entries()) check(entry, within(report, `[${i}]`), context)
  }
}

/** An object of names that are the user's own, each with a value that passes `check`. */
export function mapOf(check: Check, example: string): Check {
  return (value, report, context) => {
    if (!isRecord(value)) return report('is not an object', `Write it like ${example}.`)
    for (const [name, entry] of Object.entries(value)) check(entry, within(report, `.${name}`), context)
  }
}

/** `check`, or one of these very values. */
export function either(values: readonly unknown[], check: Check): Check {
  return (value, report, context) => {
    if (!values.includes(value)) check(value, report, context)
  }
}

/** What `check` says, and no empty list. */
export function notEmpty(check: Check): Check {
  return (value, report, context) => {
    if (Array.isArray(value) && value.length === 0) report('is empty', 'Name at least one, or leave it out.')
    else check(value, report, context)
  }
}

/** One, or a list of them. */
export function oneOrMore(check: Check, example: string): Check {
  const list = listOf(check, example)
  return (value, report, context) => (Array.isArray(value) ? list : check)(value, report, context)
}

/** A text for which `problem` finds none. */
export function text(example: string, problem: (value: string) => string | undefined = () => undefined): Check {
  return (value, report) => {
    if (typeof value !== 'string' || value === '') return report('is not a text', `Write it like "${example}".`)
    const found = problem(value)
    if (found !== undefined) report(found, `Write it like "${example}".`)
  }
}

/** A text that must match. */
export function matching(pattern: RegExp, what: string, example: string): Check {
  return text(example, (value) => (pattern.test(value) ? undefined : `"${value}" is not ${what}`))
}

export function oneOf(known: readonly unknown[]): Check {
  return (value, report) => {
    if (known.includes(value)) return
    const near = typeof value === 'string' ? nearest(value, known.map(String)) : undefined
    const fix = near === undefined ? `Use one of: ${known.join(', ')}.` : `Did you mean "${near}"?`
    report(`${JSON.stringify(value)} is not known here`, fix)
  }
}

export function syntax(check: (text: string) => readonly [message: string, fix: string] | undefined): Check {
  return (value, report) => {
    const problem = typeof value === 'string' ? check(value) : (['is not a string', 'Write it in quotes.'] as const)
    if (problem !== undefined) report(...problem)
  }
}

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): Check {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return (value, report) => {
    const isWhole = typeof value === 'number' && Number.isInteger(value)
    if (isWhole && value >= min && value <= max) return
    report(`${JSON.stringify(value)} is ${isWhole ? 'out of range' : 'no whole number'}`, `Write one ${range}.`)
  }
}

export const yesOrNo: Check = (value, report) => {
  if (typeof value !== 'boolean') report(`${JSON.stringify(value)} is neither true nor false`, 'Write true or false.')
}

/** A condition for each name: an exact text, or true for mere presence. */
export function conditions(example: string): Check {
  return mapOf((wanted, report) => {
    if (typeof wanted === 'string' || wanted === true) return
    report(`${JSON.stringify(wanted)} is neither a text nor true`, `Write it like ${example}.`)
  }, example)
}

/** The name of a service that there is. */
export const serviceName: Check = (value, report, { services }) => {
  if (typeof value !== 'string' || value === '') return report('is not a service name', 'Write the name of a service.')
  if (services === undefined || services.includes(value)) return
  report(`no service "${value}"`, suggestion(value, services))
}

export function suggestion(wrong: string, known: Iterable<string>): string {
  const near = nearest(wrong, known)
  return near === undefined ? `Use one of: ${[...known].join(', ')}.` : `Did you mean "${near}"?`
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
