/**
 * Header fields as they stand on the wire: a flat list of name, value, name, value. Order, case and repetition are kept,
 * nothing is joined, and no object is built per request.
 */
export type RawHeaders = readonly string[]

/** The first value of `name` (given in lower case), or undefined. */
export function header(headers: RawHeaders, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const candidate = headers[i]!
    if (candidate.length === name.length && candidate.toLowerCase() === name) return headers[i + 1]
  }
  return undefined
}

/** All values of `name` (given in lower case), in order. */
export function headerValues(headers: RawHeaders, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() === name) values.push(headers[i + 1]!)
  }
  return values
}

/** A copy without the fields whose lower-case name is in `names`. */
export function withoutHeaders(headers: RawHeaders, names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.has(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!)
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
