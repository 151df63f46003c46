/** How long a message's body is (RFC 9112 §6): decided once, from the head alone. Pure. */
import { CHUNKED, type Framing, UNTIL_CLOSE } from './contract.ts'
import { WireError } from './wire-error.ts'

/** Of HTTP/1; HTTP/2 frames by itself. */
export type HttpVersion = '1.0' | '1.1'

/** The fields of a head that say how the message and the connection go on. Absent = undefined. */
export interface ControlFields {
  contentLength: string | undefined
  transferEncoding: string | undefined
  /** All its values, joined by commas, in lower case. */
  connection: string | undefined
  upgrade: string | undefined
  expect: string | undefined
}

/** Puts `value` down where `lower` is a control field. @throws WireError when one that may stand once stands twice. */
export function note(fields: ControlFields, lower: string, value: string): void {
  switch (lower) {
    case 'content-length':
      if (fields.contentLength !== undefined) throw new WireError('two_lengths', 'Content-Length is given twice')
      fields.contentLength = value
      break
    case 'transfer-encoding':
      if (fields.transferEncoding !== undefined)
        throw new WireError('transfer_encoding', 'Transfer-Encoding is given twice')
      fields.transferEncoding = value
      break
    case 'connection':
      fields.connection = joined(fields.connection, value.toLowerCase())
      break
    case 'upgrade':
      fields.upgrade = joined(fields.upgrade, value.toLowerCase())
      break
    case 'expect':
      fields.expect = joined(fields.expect, value.toLowerCase())
      break
  }
}

const joined = (before: string | undefined, value: string) => (before === undefined ? value : `${before},${value}`)

/** Lengths of the names above: a name of any other length is none of them. */
export const CONTROL_NAME_LENGTHS: ReadonlySet<number> = new Set(
  ['content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect'].map((name) => name.length),
)

/** RFC 9112 §6.3, for requests; both fields together are refused, not sorted out. */
export function requestFraming(fields: ControlFields, version: HttpVersion): Framing {
  return explicitFraming(fields, version) ?? 0
}

/** The same for the answer to a request with `method`. */
export function responseFraming(fields: ControlFields, version: HttpVersion, status: number, method: string): Framing {
  const framing = explicitFraming(fields, version)
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0
  return framing ?? UNTIL_CLOSE
}

function explicitFraming(
  { contentLength, transferEncoding }: ControlFields,
  version: HttpVersion,
): Framing | undefined {
  if (transferEncoding === undefined) return contentLength === undefined ? undefined : lengthOf(contentLength)
  if (contentLength !== undefined)
    throw new WireError('two_framings', 'both Content-Length and Transfer-Encoding are given')
  if (version === '1.0') throw new WireError('transfer_encoding', 'HTTP/1.0 has no Transfer-Encoding')
  if (transferEncoding.toLowerCase() === 'chunked') return CHUNKED
  throw new WireError('transfer_encoding', 'the only Transfer-Encoding is chunked')
}

/** 15 digits are a petabyte and exact in a number. */
function lengthOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new WireError('content_length', 'Content-Length is no number')
  return Number(text)
}

/** RFC 9112 §9.3. */
export function persists({ connection }: ControlFields, version: HttpVersion): boolean {
  if (connection === undefined) return version === '1.1'
  if (names(connection, 'close')) return false
  return version === '1.1' || names(connection, 'keep-alive')
}

/**
 * RFC 9110 §7.8: Upgrade counts only where Connection names it, and not in HTTP/1.0. `h2c`, which some clients ask for with
 * each first request, is passed over, as a server may (RFC 9113 §3.1): the answer is HTTP/1.1.
 */
export function upgradeOf({ connection, upgrade }: ControlFields, version: HttpVersion): string | undefined {
  if (upgrade === undefined || connection === undefined || upgrade === 'h2c' || version === '1.0') return undefined
  return names(connection, 'upgrade') ? upgrade : undefined
}

function names(list: string, option: string): boolean {
  return list === option || list.split(',').some((one) => one.trim() === option)
}
