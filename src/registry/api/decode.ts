/**
 * Request bodies by the rules of Go's encoding/json as Consul uses it: field names match without regard to case, unknown
 * fields are refused, null counts as not given, and the error texts are Go's, because people search the web for them.
 */
import { Refusal } from '../state/refusal.ts'
import { parseDuration } from './duration.ts'

/** Reads a value; `field` is its place for the error text. */
export type Reader<T> = (value: unknown, field: string) => T

export function decodeBody<T>(bytes: Buffer, read: Reader<T>, revive?: Reviver): T {
  return read(parseJson(bytes, revive), '')
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

function parseJson(bytes: Buffer, revive?: Reviver): unknown {
  const text = bytes.toString('utf8')
  if (text.trim() === '') throw badBody('EOF')
  try {
    return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1])
  } catch (error) {
    throw badBody(syntaxError((error as Error).message, text))
  }
}

/** V8's words for a syntax error in Go's: a text that breaks off, or a character that does not belong there. */
function syntaxError(message: string, text: string): string {
  const position = Number(/ at position (\d+)/.exec(message)?.[1] ?? text.length)
  const token = /^Unexpected token '(.*?)',/su.exec(message)?.[1]
  if (token === undefined && position >= text.length) return 'unexpected EOF'
  return `invalid character '${token ?? text[position]}' looking for beginning of value`
}

export function badBody(reason: string): Refusal {
  return new Refusal(400, `Request decode failed: ${reason}`)
}

function wrongType(value: unknown, field: string, goType: string): Refusal {
  const place = field === '' ? 'Go value' : `Go struct field ${field}`
  return badBody(`json: cannot unmarshal ${goKind(value)} into ${place} of type ${goType}`)
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}

export const string: Reader<string> = (value, field) => {
  if (typeof value !== 'string') throw wrongType(value, field, 'string')
  return value
}

export const bool: Reader<boolean> = (value, field) => {
  if (typeof value !== 'boolean') throw wrongType(value, field, 'bool')
  return value
}

export const int: Reader<number> = (value, field) => {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  const shown = typeof value === 'number' ? `number ${value}` : goKind(value)
  throw badBody(`json: cannot unmarshal ${shown} into Go struct field ${field} of type int`)
}

/** A Go duration, or a whole number of nanoseconds; milliseconds come out. */
export const duration: Reader<number> = (value, field) => {
  if (typeof value === 'number') {
    if (Math.abs(value) < 2 ** 63) return value / 1e6
    throw badBody(`json: cannot unmarshal number ${value} into Go struct field ${field} of type time.Duration`)
  }
  try {
    return value === '' ? 0 : parseDuration(string(value, field))
  } catch (error) {
    throw error instanceof RangeError ? badBody(error.message) : error
  }
}

/** Any JSON, taken as it is. */
export const any: Reader<unknown> = (value) => value

export function list<T>(read: Reader<T>, goType: string): Reader<T[]> {
  return (value, field) => {
    if (!Array.isArray(value)) throw wrongType(value, field, goType)
    return value.map((item) => read(item, field))
  }
}

/** Keys come out sorted, so that equal maps are equal as text. */
export function map<T>(read: Reader<T>, goType: string): Reader<Record<string, T>> {
  return (value, field) => {
    const entries = entriesOf(value, field, goType).filter(([, item]) => item !== null)
    entries.sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(entries.map(([key, item]) => [key, read(item, field)]))
  }
}

type Fields = Readonly<Record<string, Reader<unknown>>>
/** Every field may be missing: absent and null are the same. */
export type Decoded<F extends Fields> = { [K in keyof F]?: F[K] extends Reader<infer T> ? T : never }

/**
 * An object with these fields.
 * @param aliases other spellings (lower case) → field.
 * @param onUnknown what to do about a field that is none of them.
 */
export function object<F extends Fields>(
  fields: F,
  aliases: Readonly<Record<string, keyof F & string>> = {},
  onUnknown = refuseUnknown,
) {
  const names = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]))
  for (const [alias, name] of Object.entries(aliases)) names.set(alias, name)
  return (value: unknown, field: string): Decoded<F> => {
    const decoded: Record<string, unknown> = {}
    if (value === null) return decoded as Decoded<F>
    for (const [given, item] of entriesOf(value, field, 'struct')) {
      const name = names.get(given.toLowerCase())
      if (name === undefined) onUnknown(given)
      else if (item !== null) decoded[name] = fields[name]!(item, `${field}.${name}`)
    }
    return decoded as Decoded<F>
  }
}

function refuseUnknown(field: string): void {
  throw badBody(`json: unknown field ${JSON.stringify(field)}`)
}

function entriesOf(value: unknown, field: string, goType: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(value, field, goType)
  return Object.entries(value)
}
