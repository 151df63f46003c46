/** Heads as text. Pure. What is written is checked: a value from a program may have a line end in it, and with it a second head. */
import { STATUS_CODES } from 'node:http'
import { type RawHeaders, rememberedByName } from '../core/headers.ts'
import { isFieldValue, isTarget, isToken } from './characters.ts'
import { CHUNKED, type Framing } from './contract.ts'
import { WireError } from './wire-error.ts'

/** `fields` without framing, which is written here. @throws WireError on what cannot stand in a head. */
export function requestHead(method: string, target: string, fields: RawHeaders, framing: Framing): string {
  if (!isToken(method)) throw new WireError('method', `the method ${JSON.stringify(method)} is malformed`)
  if (!isTarget(target))
    throw new WireError('target', `the path ${JSON.stringify(target)} has characters that must be escaped`)
  return `${fieldLines(`${method} ${target} HTTP/1.1`, fields)}\r\n${requestFramingLine(method, framing)}\r\n`
}

/** A body of known length 0 is only worth a line where a body is expected (RFC 9110 §8.6). */
function requestFramingLine(method: string, framing: Framing): string {
  if (framing === CHUNKED) return 'transfer-encoding: chunked\r\n'
  if (framing > 0) return `content-length: ${framing}\r\n`
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 'content-length: 0\r\n' : ''
}

/** `fields` without framing; `control` is whole lines that the connection adds. @throws WireError on what cannot stand in a head. */
export function responseHead(status: number, fields: RawHeaders, control: string): string {
  return `${fieldLines(statusLine(status), fields)}\r\n${control}\r\n`
}

const STATUS_LINES = new Map<number, string>()

function statusLine(status: number): string {
  const known = STATUS_LINES.get(status)
  if (known !== undefined) return known
  if (!Number.isInteger(status) || status < 100 || status > 999)
    throw new WireError('status', `${status} is no HTTP status`)
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`
  STATUS_LINES.set(status, line)
  return line
}

/** Each line with the end of the one before it, so that a field is two strings to join, and its name is checked once for ever. */
function fieldLines(firstLine: string, fields: RawHeaders): string {
  let text = firstLine
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1]!
    text += lineStart(fields[i]!)
    if (!isFieldValue(value))
      throw new WireError('header_value', `the header ${fields[i]} has characters that may not stand there`)
    text += value
  }
  return text
}

const lineStart = rememberedByName((name) => {
  if (!isToken(name)) throw new WireError('header_name', `the header name ${JSON.stringify(name)} is malformed`)
  return `\r\n${name}: `
})
