/** Which bytes may stand where, as tables: one look-up a byte. */

type Table = Uint8Array

function table(allowed: (code: number) => boolean): Table {
  return Uint8Array.from({ length: 256 }, (_, code) => (allowed(code) ? 1 : 0))
}

/** RFC 9110 §5.6.2: `tchar`, of which methods and field names are made. */
export const TOKEN: Table = table((code) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)) && code < 128)

/** RFC 9110 §5.5: field values. Visible characters, blanks, tabs, and obs-text; no control character. */
export const VALUE: Table = table((code) => code === 9 || (code >= 32 && code !== 127))

/** RFC 9112 §3.2: a target is a URI, and so visible ASCII. */
export const TARGET: Table = table((code) => code > 32 && code < 127)

const NO_TOKEN = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/
const NO_TARGET = /[^\x21-\x7e]/

export const isToken = (text: string): boolean => text !== '' && !NO_TOKEN.test(text)
export const isFieldValue = (text: string): boolean => !NO_VALUE.test(text)
export const isTarget = (text: string): boolean => text !== '' && !NO_TARGET.test(text)

/** The value of a hex digit's code, or -1. */
export function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}
