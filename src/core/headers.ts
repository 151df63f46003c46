import { ownText } from './own-text.ts'

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

/** Is `candidate`, as it stands on the wire, `name` (given in lower case)? */
export function isNamed(candidate: string, name: string): boolean {
  return candidate.length === name.length && (candidate === name || lowerCase(candidate) === name)
}

/** A field name in lower case. */
export const lowerCase = rememberedByName((name) => name.toLowerCase())

/**
 * `make`, with what it gave for a name remembered: names repeat, and a look-up costs less than a new string. So few and so short
 * that a client who makes up names takes up nothing.
 */
export function rememberedByName<T>(make: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>()
  return (name) => {
    const before = known.get(name)
    if (before !== undefined) return before
    if (known.size >= 1_000 || name.length > 40) return make(name)
    const own = ownText(name)
    const made = make(own)
    known.set(own, made)
    return made
  }
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
