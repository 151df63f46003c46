/** Values that JSON has no type for: unsigned 64-bit numbers, bytes. */
import { badBody, type Reader } from './decode.ts'

export const UINT64_MAX = 2n ** 64n - 1n
/** Numbers with fewer digits are never kept as text. */
const SAFE_DIGITS = 16

/** Has JSON.parse keep numbers that lose digits as text, in the field of this name (lower case). */
export const keepDigits = (field: string) => (key: string, value: unknown, context: { readonly source?: string }) =>
  typeof value === 'number' && key.toLowerCase() === field && !Number.isSafeInteger(value)
    ? (context.source ?? value)
    : value

/** In decimal. Beyond 2^53 the body must have been parsed with `keepDigits`. */
export const uint64: Reader<string> = (value, field) => {
  const text = String(value)
  const isNumber = typeof value === 'number' || text.length >= SAFE_DIGITS
  if (isNumber && /^\d+$/.test(text) && BigInt(text) <= UINT64_MAX) return text
  const shown = typeof value === 'number' ? `number ${value}` : typeof value
  throw badBody(`json: cannot unmarshal ${shown} into Go struct field ${field} of type uint64`)
}

/** Base64 as it came, once it is known to be some. */
export const base64: Reader<string> = (value, field) => {
  if (typeof value !== 'string') {
    throw badBody(`json: cannot unmarshal ${typeof value} into Go struct field ${field} of type []uint8`)
  }
  const bad = /[^A-Za-z0-9+/]/.exec(value.replace(/={1,2}$/, ''))?.index ?? (value.length % 4 === 0 ? -1 : value.length)
  if (bad >= 0) throw badBody(`illegal base64 data at input byte ${bad}`)
  return value
}
