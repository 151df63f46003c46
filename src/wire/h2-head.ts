/** HTTP/2's header blocks as the heads that HTTP/1.1 has, and back (RFC 9113 §8). Pure. nghttp2 has checked much of it before. */
import type { OutgoingHttpHeaders } from 'node:http2'
import type { RawHeaders } from '../core/headers.ts'
import { isFieldValue, isTarget, isToken } from './characters.ts'
import { CHUNKED, type Framing, type RequestHead } from './contract.ts'
import { WireError } from './wire-error.ts'

/** Fields that speak of one connection of HTTP/1.1 (§8.2.2): in HTTP/2 they are malformed. */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** Of a stream whose own is none, so that its answer has something to stand on. */
export const NO_HEAD: RequestHead = {
  method: 'GET',
  target: '/',
  version: '2.0',
  headers: [],
  framing: 0,
  keepAlive: true,
  upgrade: undefined,
  expect: undefined,
}

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
  const upgrade = pseudo[':protocol']?.toLowerCase()
  // RFC 8441: CONNECT with a protocol is what GET with Upgrade is in HTTP/1.1, and is judged as that.
  const method = upgrade === undefined ? (pseudo[':method'] ?? '') : 'GET'
  const target = pseudo[':path'] ?? '*'
  if (!isTarget(target)) throw new WireError('target_characters', 'the target has characters that must be escaped')
  return {
    method,
    target,
    version: '2.0',
    headers,
    // What follows an upgrade is no body.
    framing: ended || upgrade !== undefined ? 0 : framingOf(headers),
    keepAlive: true,
    upgrade,
    expect: fieldOf(headers, 'expect')?.toLowerCase(),
  }
}

/** @throws WireError */
export function checkField(name: string, value: string): void {
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

export function framingOf(headers: RawHeaders): Framing {
  const length = fieldOf(headers, 'content-length')
  if (length === undefined) return CHUNKED
  if (!/^\d{1,15}$/.test(length)) throw new WireError('content_length', 'Content-Length is no number')
  return Number(length)
}

/** Of names that are all in lower case. */
export function fieldOf(headers: RawHeaders, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1]
  return undefined
}

/** The head of an answer as node:http2 takes it. @throws WireError on what cannot stand in a head. */
export function writeH2Head(status: number, fields: RawHeaders, length: number | undefined): OutgoingHttpHeaders {
  // Without a prototype, where a field named `constructor` would find one.
  const headers: OutgoingHttpHeaders = Object.create(null)
  headers[':status'] = status
  addFields(headers, fields)
  if (length !== undefined) headers['content-length'] = length
  return headers
}

export interface H2RequestHead {
  readonly method: string
  readonly target: string
  readonly scheme: 'http' | 'https'
  /** What Host is in HTTP/1.1. */
  readonly authority: string
  /** Without Host and framing. */
  readonly fields: RawHeaders
  /** Content-Length; undefined where there is none to tell. */
  readonly length: number | undefined
}

/** The head of a request as node:http2 takes it. @throws WireError on what cannot stand in a head. */
export function writeH2Request({ method, target, scheme, authority, fields, length }: H2RequestHead) {
  if (!isToken(method)) throw new WireError('method', `the method ${JSON.stringify(method)} is malformed`)
  if (!isTarget(target))
    throw new WireError('target', `the path ${JSON.stringify(target)} has characters that must be escaped`)
  if (!isTarget(authority)) throw new WireError('host', `the host ${JSON.stringify(authority)} is malformed`)
  const headers: OutgoingHttpHeaders = Object.create(null)
  Object.assign(headers, { ':method': method, ':scheme': scheme, ':authority': authority, ':path': target })
  addFields(headers, fields)
  if (length !== undefined) headers['content-length'] = length
  return headers
}

function addFields(headers: OutgoingHttpHeaders, fields: RawHeaders): void {
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
}

/** The head of an answer. @throws WireError */
export function readH2Answer(raw: RawHeaders): { readonly status: number; readonly headers: string[] } {
  const headers: string[] = []
  let status = 0
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    const value = raw[i + 1]!
    checkField(name, value)
    if (name === ':status') status = Number(value)
    else if (!name.startsWith(':')) headers.push(name, value)
  }
  if (!(status >= 100 && status <= 599)) throw new WireError('status_line', 'the status is no number from 100 to 599')
  return { status, headers }
}

/** Fields that say how a message is read or where it goes: behind the body they would come too late (RFC 9110 §6.5.1). */
const NO_TRAILERS: ReadonlySet<string> = new Set([
  ...CONNECTION_FIELDS,
  ...['authorization', 'content-encoding', 'content-length', 'content-range', 'content-type', 'cookie', 'host'],
  ...['set-cookie', 'te', 'trailer'],
])

/** Those of `raw` that may stand behind a body. */
export function readTrailers(raw: RawHeaders): string[] {
  const trailers: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    const value = raw[i + 1]!
    if (isToken(name) && isFieldValue(value) && !NO_TRAILERS.has(name)) trailers.push(name, value)
  }
  return trailers
}

/** Trailers as node:http2 takes them. */
export function writeTrailers(trailers: RawHeaders): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = Object.create(null)
  addFields(headers, readTrailers(trailers))
  return headers
}
