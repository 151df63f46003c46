/** Values of environment variables. Each reader adds what is wrong to the issues and gives something that can be gone on with. */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { type IssueList, nearest } from '../../core/issues.ts'

export interface Variable {
  readonly name: string
  /** Undefined where it is empty, too. */
  readonly text: string | undefined
  readonly issues: IssueList
}

export function booleanOf({ name, text, issues }: Variable): boolean {
  const value = text?.toLowerCase()
  if (value !== undefined && value !== 'true' && value !== 'false')
    issues.add(name, `"${text}" is neither true nor false`, 'Write true or false, or leave it out.')
  return value === 'true'
}

/** 2³¹ − 1 at most, as timers count. */
export function wholeNumberOf({ name, text, issues }: Variable, otherwise: number, min = 0): number {
  if (text === undefined) return otherwise
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value < 2 ** 31) return value
  issues.add(name, `"${text}" is no whole number from ${min} to ${2 ** 31 - 1}`, `The default is ${otherwise}.`)
  return otherwise
}

/** In whatever case: the specification wants it so. `known` in small letters. */
export function oneOf({ name, text, issues }: Variable, known: readonly string[], otherwise: string): string {
  const word = text?.toLowerCase() ?? otherwise
  if (known.includes(word)) return word
  const meant = nearest(word, known)
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`
  issues.add(name, `"${text}" is not known here`, `Write one of ${known.join(', ')}.${hint}`)
  return otherwise
}

/** Values are percent-encoded, as those of W3C Baggage, and so may be the keys; text after a `;` is metadata there, and refused here. */
export function pairsOf({ name, text, issues }: Variable): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const part of (text ?? '').split(',')) {
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(part) ?? []
    try {
      if (key !== undefined) pairs[decodeURIComponent(key)] = decodeURIComponent(value!)
      else if (part.trim() !== '') issues.add(name, 'a part of it has no "="', 'Write key=value, separated by commas.')
    } catch {
      issues.add(name, `the value of "${key}" is not percent-encoded well`, 'Write % as %25.')
    }
  }
  return pairs
}

/** The values are not shown, as they are secrets mostly. */
export function headersOf(variable: Variable): Record<string, string> {
  const headers = pairsOf(variable)
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch {
      variable.issues.add(
        variable.name,
        `"${name}" cannot stand in a request`,
        'Write name=value, separated by commas.',
      )
    }
  }
  return headers
}

/** Its parts are not shown, as there may be a password in it. */
export function endpointOf({ name, text, issues }: Variable): URL | undefined {
  const url = URL.canParse(text!) ? new URL(text!) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  issues.add(name, 'this is no address of a collector', 'Write one such as http://localhost:4318.')
  return undefined
}
