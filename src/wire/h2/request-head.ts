/** The fields of a request as the head that HTTP/1.1 has (RFC 9113 §8.3). Pure. */
import type { RawHeaders } from '../../core/headers.ts'
import { isTarget, isToken } from '../characters.ts'
import type { Framing, RequestHead } from '../contract.ts'
import { fieldOf, framingOf } from '../h2-head.ts'
import { WireError } from '../wire-error.ts'

interface Pseudo {
  method: string | undefined
  scheme: string | undefined
  path: string | undefined
  authority: string | undefined
  protocol: string | undefined
}

const COLON = 58

/** `ended`: no body follows. The characters of the fields have been checked. @throws WireError */
export function readRequestHead(fields: RawHeaders, ended: boolean): RequestHead {
  const pseudo: Pseudo = {
    ...{ method: undefined, scheme: undefined, path: undefined, authority: undefined, protocol: undefined },
  }
  let at = 0
  for (; at < fields.length && fields[at]!.charCodeAt(0) === COLON; at += 2) note(pseudo, fields[at]!, fields[at + 1]!)
  const headers = readFields(fields, at, pseudo.authority)
  const upgrade = pseudo.protocol?.toLowerCase()
  const method = methodOf(pseudo)
  return {
    method,
    target: targetOf(pseudo, method),
    version: '2.0',
    headers,
    framing: framing(headers, ended, upgrade !== undefined),
    keepAlive: true,
    upgrade,
    expect: fieldOf(headers, 'expect')?.toLowerCase(),
  }
}

/** What follows an upgrade is no body. */
function framing(headers: RawHeaders, ended: boolean, upgrades: boolean): Framing {
  if (!ended) return upgrades ? 0 : framingOf(headers)
  if (framingOf(headers) > 0) throw new WireError('content_length', 'a body was announced, and none follows')
  return 0
}

function note(pseudo: Pseudo, name: string, value: string): void {
  const key = name.slice(1) as keyof Pseudo
  if (!Object.hasOwn(pseudo, key)) throw new WireError('pseudo_header', `a request has no ${name}`)
  if (pseudo[key] !== undefined) throw new WireError('pseudo_header', `${name} is given twice`)
  pseudo[key] = value
}

/** RFC 8441 §4: CONNECT with a protocol is what GET with Upgrade is in HTTP/1.1, and is judged as that. */
function methodOf({ method, protocol }: Pseudo): string {
  if (method === undefined || !isToken(method)) throw new WireError('method', 'there is no :method, or it is malformed')
  if (protocol === undefined) return method
  if (method !== 'CONNECT') throw new WireError('pseudo_header', ':protocol is for CONNECT only')
  return 'GET'
}

/** §8.3.1; of CONNECT, §8.5, there is no target, and nobody lets it pass. */
function targetOf({ method, scheme, path, protocol }: Pseudo, actual: string): string {
  if (method === 'CONNECT' && protocol === undefined) return '*'
  if (scheme === undefined || !SCHEME.test(scheme)) throw new WireError('scheme', 'there is no :scheme, or it is none')
  if (path === undefined) throw new WireError('target_form', 'there is no :path')
  if (!path.startsWith('/') && !(path === '*' && actual === 'OPTIONS'))
    throw new WireError('target_form', ':path must begin with /')
  if (!isTarget(path)) throw new WireError('target_characters', 'the target has characters that must be escaped')
  return path
}

const SCHEME = /^[a-z][a-z0-9+.-]*$/i

/**
 * Those from `from` on, behind the host: `:authority` is what Host was, and both may be given if they are the same. §8.2.3: crumbs
 * of one cookie line are made whole again for those who speak HTTP/1.1.
 */
function readFields(fields: RawHeaders, from: number, authority: string | undefined): string[] {
  const headers = authority === undefined ? [] : ['host', authority]
  let hosts = 0
  let lengths = 0
  let cookie: string | undefined
  for (let i = from; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (name.charCodeAt(0) === COLON) throw new WireError('pseudo_header', `${name} stands behind a field`)
    if (name === 'cookie') cookie = cookie === undefined ? value : `${cookie}; ${value}`
    else if (name === 'host') {
      if (hosts++ > 0) throw new WireError('repeated_header', 'the header host is given twice')
      if (authority === undefined) headers.unshift(name, value)
      else if (value !== authority) throw new WireError('host_mismatch', ':authority names another host than Host')
    } else {
      if (name === 'content-length' && lengths++ > 0)
        throw new WireError('two_lengths', 'Content-Length is given twice')
      headers.push(name, value)
    }
  }
  if (cookie !== undefined) headers.push('cookie', cookie)
  return headers
}
