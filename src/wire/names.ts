/**
 * Field names that came before: one that comes again is the same string, so that it is not made anew, and that whoever looks it up
 * in a map finds its hash counted already. What a client makes up takes up one place of the table at most, and for ever.
 */

const PLACES = 1024
const LENGTH_MAX = 40
const known: (string | undefined)[] = new Array(PLACES).fill(undefined)

/** A step of the hash that `fieldName` is handed, for each byte of the name; the first starts from 0. */
export const hashed = (hash: number, byte: number): number => (Math.imul(hash, 31) + byte) | 0

/** The characters of `bytes` from `from` to `to`. */
export function fieldName(bytes: Buffer, from: number, to: number, hash: number): string {
  const place = (hash ^ (hash >>> 10)) & (PLACES - 1)
  const before = known[place]
  if (before !== undefined && isAt(before, bytes, from, to)) return before
  const name = bytes.toString('latin1', from, to)
  if (before === undefined && name.length <= LENGTH_MAX) known[place] = name
  return name
}

function isAt(name: string, bytes: Buffer, from: number, to: number): boolean {
  if (name.length !== to - from) return false
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) !== bytes[from + i]) return false
  return true
}
