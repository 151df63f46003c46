/**
 * Header fields as they stand on the wire: a flat list of name, value, name, value. Order, case and repetition are kept,
 * nothing is joined, and no object is built per request.
 */
export type RawHeaders = readonly string[]

/** The first value of `name` (given in lower case), or undefined. */
export function header(headers: RawHeaders, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const candidate = headers[i]!
    if (isNamed(candidate, name)) return headers[i + 1]
  }
  return undefined
}

function isNamed(candidate: string, name: string): boolean {
  return candidate.length === name.length && (candidate === name || lowerCase(candidate) === name)
}

/** Names repeat: a look-up in place of a new string. So few, so short, that a client who makes up names takes up nothing. */
const LOWER_CASE = new Map<string, string>()
const LOWER_CASE_MAX = 1_000

/** A field name in lower case. */
export function lowerCase(name: string): string {
  const known = LOWER_CASE.get(name)
  if (known !== undefined) return known
  const lower = name.toLowerCase()
  if (LOWER_CASE.size < LOWER_CASE_MAX && name.length <= 40) LOWER_CASE.set(name, lower)
  return lower
}

/** All values of `name` (given in lower case), in order. */
export function headerValues(headers: RawHeaders, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (isNamed(headers[i]!, name)) values.push(headers[i + 1]!)
  }
  return values
}

/** A copy without the fields whose lower-case name is in `names`. */
export function withoutHeaders(headers: RawHeaders, names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.has(lowerCase(headers[i]!))) kept.push(headers[i]!, headers[i + 1]!)
  }
  return kept
}

/** Flattens a plain object; arrays become repeated fields, undefined is left out. */
export function toRawHeaders(object: Readonly<Record<string, string | readonly string[] | undefined>>): string[] {
  const raw: string[] = []
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue
    for (const one of Array.isArray(value) ? value : [value]) raw.push(name, one as string)
  }
  return raw
}
