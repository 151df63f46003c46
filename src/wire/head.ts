/**
 * Heads: a numbered walk over the grammar of RFC 9112 §2 to §5, once over the bytes. Pure: bytes in, a head out.
 *
 * It reads whole heads only; `findHeadEnd` says when there is one. Reading piecemeal would save nothing, as nearly every head
 * comes in one piece, and would need a state for each place where it can be cut.
 */
import { TARGET, TOKEN, VALUE } from './characters.ts'
import type { RequestHead, ResponseHead } from './contract.ts'
import {
  CONTROL_NAME_LENGTHS,
  type ControlFields,
  type HttpVersion,
  note,
  persists,
  requestFraming,
  responseFraming,
  upgradeOf,
} from './framing.ts'
import type { HeadLimits } from './limits.ts'
import { fieldName, hashed } from './names.ts'
import { WireError } from './wire-error.ts'

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58
const EMPTY_LINE = Buffer.from('\r\n\r\n')

/**
 * The position after the empty line that ends the head which begins at `start`, or -1 when it has not come yet. `from` is
 * where to go on looking after an earlier -1: at `start`, or at what was the end of the bytes then.
 * @throws WireError on a line end that is not CRLF (§2.2: lenient parsers take a bare LF, so two could disagree), and on a
 * head that is too large.
 */
export function findHeadEnd(bytes: Buffer, start: number, from: number, limits: HeadLimits): number {
  const at = bytes.indexOf(EMPTY_LINE, Math.max(start, from - 3))
  if (at !== -1) return within(at + 4, start, limits)
  for (let lf = bytes.indexOf(LF, from); lf !== -1; lf = bytes.indexOf(LF, lf + 1)) {
    if (lf === start || bytes[lf - 1] !== CR) throw bareLineEnd()
  }
  within(bytes.length, start, limits)
  return -1
}

function within(end: number, start: number, { headBytes }: HeadLimits): number {
  if (end - start <= headBytes) return end
  throw new WireError('head_too_large', `the head is larger than ${headBytes} bytes`, 431)
}

/** Reads the request head in `bytes` from `start` to `end` (as `findHeadEnd` gave it). @throws WireError */
export function parseRequestHead(bytes: Buffer, start: number, end: number, limits: HeadLimits): RequestHead {
  const text = bytes.toString('latin1', start, end)
  // 1. request-line = method SP request-target SP HTTP-version CRLF (§3)
  let at = start
  while (TOKEN[bytes[at]!] === 1) at++
  if (at === start || bytes[at] !== SPACE) throw new WireError('request_line', 'the method is malformed')
  const method = text.slice(0, at - start)
  const targetAt = ++at
  while (TARGET[bytes[at]!] === 1) at++
  if (at === targetAt || bytes[at] !== SPACE) throw targetError(bytes[at]!)
  if (at - targetAt > limits.targetBytes)
    throw new WireError('target_too_long', `the target is longer than ${limits.targetBytes} bytes`, 414)
  const target = text.slice(targetAt - start, at - start)
  const version = versionAt(text, at + 1 - start)
  at = lineEnd(bytes, at + 9)
  // 2. fields (§5), 3. what they say about the rest of the message (§6) and of the connection (§9)
  const headers: string[] = []
  const fields = readFields({ bytes, text, start, end, headers, limits }, at)
  const framing = requestFraming(fields, version)
  return {
    method,
    target,
    version,
    headers,
    framing,
    keepAlive: persists(fields, version),
    // With a body it is ignored, as a server may (RFC 9110 §7.8): where the other protocol began could be read in two ways.
    upgrade: framing === 0 ? upgradeOf(fields, version) : undefined,
    expect: fields.expect,
  }
}

/** Reads a response head; `method` is that of the request it answers. @throws WireError */
export function parseResponseHead(
  bytes: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  method: string,
): ResponseHead {
  const text = bytes.toString('latin1', start, end)
  // 1. status-line = HTTP-version SP status-code SP [ reason-phrase ] CRLF (§4); the blank before no reason is often missing
  const version = versionAt(text, 0)
  const status = statusAt(text)
  let at = start + 12
  if (bytes[at] === SPACE) while (VALUE[bytes[at]!] === 1) at++
  at = lineEnd(bytes, at)
  const headers: string[] = []
  const fields = readFields({ bytes, text, start, end, headers, limits }, at)
  return {
    status,
    version,
    headers,
    framing: responseFraming(fields, version, status, method),
    keepAlive: persists(fields, version),
    upgrade: upgradeOf(fields, version),
  }
}

/** Reads the trailer section of a chunked body (§7.1.2): fields and an empty line. @throws WireError */
export function parseTrailers(bytes: Buffer, limits: HeadLimits): string[] {
  const headers: string[] = []
  const text = bytes.toString('latin1')
  const fields = readFields({ bytes, text, start: 0, end: bytes.length, headers, limits }, 0)
  if (fields.contentLength !== undefined || fields.transferEncoding !== undefined)
    throw new WireError('trailer_framing', 'a trailer says how the message is framed')
  return headers
}

interface FieldLines {
  readonly bytes: Buffer
  /** The same bytes from `start` on, as characters. */
  readonly text: string
  readonly start: number
  readonly end: number
  /** Filled with name, value, name, value. */
  readonly headers: string[]
  readonly limits: HeadLimits
}

/** field-line = field-name ":" OWS field-value OWS CRLF, up to the empty line. */
function readFields({ bytes, text, start, end, headers, limits }: FieldLines, from: number): ControlFields {
  const fields = noFields()
  let at = from
  while (bytes[at] !== CR) {
    // 1. the name: a token, with nothing between it and the colon (§5.1), nor before it, which would be obs-fold (§5.2)
    const nameAt = at
    let hash = 0
    for (let byte = bytes[at]!; TOKEN[byte] === 1; byte = bytes[++at]!) hash = hashed(hash, byte)
    if (at === nameAt || bytes[at] !== COLON) throw nameError(bytes[nameAt]!)
    const name = fieldName(bytes, nameAt, at, hash)
    // 2. blanks, then the value up to the line's end
    at++
    while (bytes[at] === SPACE || bytes[at] === TAB) at++
    const valueAt = at
    while (VALUE[bytes[at]!] === 1) at++
    let valueEnd = at
    while (valueEnd > valueAt && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) valueEnd--
    const value = text.slice(valueAt - start, valueEnd - start)
    at = lineEnd(bytes, at)
    // 3. what is ours to understand
    headers.push(name, value)
    if (CONTROL_NAME_LENGTHS.has(name.length)) note(fields, name.toLowerCase(), value)
  }
  if (at !== end - 2) throw bareLineEnd()
  if (headers.length > limits.headerFields * 2)
    throw new WireError('too_many_headers', `there are more than ${limits.headerFields} header fields`, 431)
  return fields
}

function noFields(): ControlFields {
  return {
    contentLength: undefined,
    transferEncoding: undefined,
    connection: undefined,
    upgrade: undefined,
    expect: undefined,
  }
}

/** The position after the CRLF at `at`. */
function lineEnd(bytes: Buffer, at: number): number {
  if (bytes[at] === CR && bytes[at + 1] === LF) return at + 2
  if (bytes[at] === CR || bytes[at] === LF) throw bareLineEnd()
  throw new WireError('control_character', 'the head has a character that may not stand there')
}

function versionAt(text: string, at: number): HttpVersion {
  if (text.startsWith('HTTP/1.1', at)) return '1.1'
  if (text.startsWith('HTTP/1.0', at)) return '1.0'
  throw new WireError('http_version', 'only HTTP/1.1 and HTTP/1.0 are spoken here')
}

/** RFC 9110 §15: from 100 to 599; of others nobody knows whether they have a body, and HTTP/2 cannot carry them in Node. */
function statusAt(text: string): number {
  const digits = text.slice(8, 12)
  if (!/^ [1-5]\d\d$/.test(digits)) throw new WireError('status_line', 'the status is no number from 100 to 599')
  return Number(digits)
}

function bareLineEnd(): WireError {
  return new WireError('line_end', 'a line does not end in CRLF')
}

function targetError(byte: number): WireError {
  if (byte === CR || byte === LF) return new WireError('request_line', 'the request line has no HTTP version')
  return new WireError('target_characters', 'the target has characters that must be escaped')
}

function nameError(first: number): WireError {
  if (first === SPACE || first === TAB) return new WireError('folded_line', 'a header is continued on the next line')
  return new WireError('header_name', 'a header name is malformed')
}
