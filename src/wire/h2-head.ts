/** HTTP/2's header blocks as the heads that HTTP/1.1 has, and back (RFC 9113 §8). Pure. nghttp2 has checked much of it before. */
import type { OutgoingHttpHeaders } from 'node:http2'
import type { RawHeaders } from '../core/headers.ts'
import { isFieldValue, isTarget, isToken } from './characters.ts'
import { CHUNKED, type Framing, type RequestHead } from './contract.ts'
import { WireError } from './wire-error.ts'

/** Fields that speak of one connection of HTTP/1.1 (§8.2.2): in HTTP/2 they are malformed. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** `ended`: no body follows. @throws WireError */
export function readH2Head(raw: RawHeaders, ended: boolean): RequestHead {
  const pseudo: Record<string, string> = {}
  const headers: string[] = []
  const cookies: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    const value = raw[i + 1]!
    checkField(name, value)
    if (name.startsWith(':')) pseudo[name] = value
    else if (name === 'cookie') cookies.push(value)
    else headers.push(name, value)
  }
  // §8.2.3: crumbs of one cookie line, made whole again for those who speak HTTP/1.1.
  if (cookies.length > 0) headers.push('cookie', cookies.join('; '))
  addHost(headers, pseudo[':authority'])
  const method = pseudo[':method'] ?? ''
  const target = pseudo[':path'] ?? '*'
  if (!isTarget(target)) throw new WireError('target_characters', 'the target has characters that must be escaped')
  return {
    method,
    target,
    version: '2.0',
    headers,
    framing: ended ? 0 : framingOf(headers),
    keepAlive: true,
    upgrade: undefined,
    expect: fieldOf(headers, 'expect')?.toLowerCase(),
  }
}

function checkField(name: string, value: string): void {
  const plain = name.startsWith(':') ? name.slice(1) : name
  if (!isToken(plain) || plain !== plain.toLowerCase()) throw new WireError('header_name', 'a header name is malformed')
  if (!isFieldValue(value))
    throw new WireError('control_character', `the header ${name} has a character that may not stand there`)
  if (CONNECTION_FIELDS.has(name)) throw new WireError('connection_field', `HTTP/2 has no ${name}`)
  if (name === 'te' && value !== 'trailers')
    throw new WireError('connection_field', 'in HTTP/2, TE is trailers or nothing')
}

/** §8.3.1: `:authority` is what Host was. Both may be given if they are the same. */
function addHost(headers: string[], authority: string | undefined): void {
  const host = fieldOf(headers, 'host')
  if (authority === undefined) return
  if (host === undefined) headers.unshift('host', authority)
  else if (host !== authority) throw new WireError('host_mismatch', ':authority names another host than Host')
}

function framingOf(headers: RawHeaders): Framing {
  const length = fieldOf(headers, 'content-length')
  if (length === undefined) return CHUNKED
  if (!/^\d{1,15}$/.test(length)) throw new WireError('content_length', 'Content-Length is no number')
  return Number(length)
}

/** Of names that are all in lower case. */
function fieldOf(headers: RawHeaders, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1]
  return undefined
}

/** The head of an answer as node:http2 takes it. @throws WireError on what cannot stand in a head. */
export function writeH2Head(status: number, fields: RawHeaders, length: number | undefined): OutgoingHttpHeaders {
  // Without a prototype, where a field named `constructor` would find one.
  const headers: OutgoingHttpHeaders = Object.create(null)
  headers[':status'] = status
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!.toLowerCase()
    const value = fields[i + 1]!
    if (!isToken(name)) throw new WireError('header_name', `the header name ${JSON.stringify(name)} is malformed`)
    if (!isFieldValue(value))
      throw new WireError('header_value', `the header ${name} has characters that may not stand there`)
    if (CONNECTION_FIELDS.has(name)) continue
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else if (Array.isArray(before)) before.push(value)
    else headers[name] = [String(before), value]
  }
  if (length !== undefined) headers['content-length'] = length
  return headers
}
