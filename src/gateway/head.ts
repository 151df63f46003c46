/**
 * What of a request head is refused although the engine lets it pass. How a message is framed is decided in src/wire/ alone,
 * for both versions of HTTP, as are blanks before the colon, folded lines, bare CR or LF and control bytes. Pure.
 */
import type { ErrorCode } from '../core/errors.ts'
import { lowerCase, type RawHeaders } from '../core/headers.ts'
import type { GatewayLimits } from './limits.ts'
import { isValidHost, parseTarget, type Refusal, type Scheme, type Target } from './target.ts'

/** Methods that are passed on. CONNECT and TRACE never are: the one makes a tunnel, the other reads headers back. */
export const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What is judged of a head, whichever version of HTTP brought it. */
export interface RequestHead {
  readonly method: string
  /** As on the wire. */
  readonly target: string
  readonly headers: RawHeaders
}

export interface HeadRefusal extends Refusal {
  readonly code: ErrorCode
}

/** The target of `head`, or the first reason to refuse it. Sizes come first: they bound the work of the rest. */
export function readHead(head: RequestHead, limits: GatewayLimits, scheme: Scheme = 'http'): Target | HeadRefusal {
  const { method, target, headers } = head
  if (target.length > limits.targetBytes)
    return refusal('URI_TOO_LONG', 'target_too_long', `the target is longer than ${limits.targetBytes} bytes`)
  if (headers.length > limits.headerFields * 2)
    return refusal('HEADERS_TOO_LARGE', 'too_many_headers', `there are more than ${limits.headerFields} header fields`)
  if (!METHODS.has(method)) return refusal('METHOD_NOT_ALLOWED', 'method', `${method} is not passed on`)
  const host = readFields(headers)
  return typeof host === 'string' ? readTarget(method, target, host, scheme) : host
}

/** The one Host among the fields, or the first reason to refuse one of them. One walk, as each request pays for it. */
function readFields(headers: RawHeaders): string | HeadRefusal {
  let host: string | undefined
  let seen = 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    // Many servers turn both `_` and `-` into `_`, so that `X_Real_IP` could pass for our `X-Real-IP` there.
    if (name.includes('_')) return bad('header_underscore', `the header name ${name} has an underscore`)
    const single = SINGLE.get(lowerCase(name))
    if (single === undefined) continue
    if ((seen & single.bit) !== 0) return bad('repeated_header', `the header ${lowerCase(name)} is given twice`)
    seen |= single.bit
    const wrong = single.check?.(headers[i + 1]!)
    if (wrong !== undefined) return wrong
    if (single === HOST) host = headers[i + 1]!
  }
  return host ?? bad('no_host', 'there is no Host header')
}

type ValueCheck = (value: string) => HeadRefusal | undefined

/** Fields that mean nothing when given twice, as of two values one server takes the first and another the last; and their values. */
const SINGLE_FIELDS: Readonly<Record<string, ValueCheck | undefined>> = {
  authorization: undefined,
  'content-encoding': wrongCoding,
  'content-length': undefined,
  'content-type': undefined,
  expect: otherExpectation,
  host: wrongHost,
  origin: undefined,
  'proxy-authorization': undefined,
  'sec-websocket-key': undefined,
  'sec-websocket-version': undefined,
  'transfer-encoding': undefined,
  upgrade: otherUpgrade,
  'user-agent': undefined,
}

/** Each with a bit of its own in the number of those seen. */
const SINGLE = new Map(Object.entries(SINGLE_FIELDS).map(([name, check], i) => [name, { bit: 1 << i, check }]))
const HOST = SINGLE.get('host')

function wrongHost(host: string): HeadRefusal | undefined {
  return isValidHost(host) ? undefined : bad('invalid_host', 'the Host header is not a host name')
}

/** Stacked codings are decompression bombs; one coding is passed on unread. */
function wrongCoding(coding: string): HeadRefusal | undefined {
  return coding.includes(',') ? bad('content_encoding', 'more than one Content-Encoding') : undefined
}

/**
 * An upgraded connection would carry requests that no rule here has seen. `h2c` is not even asked for behind the gateway: the
 * engine passes it over, and neither it nor its settings are sent on.
 */
function otherUpgrade(value: string): HeadRefusal | undefined {
  const upgrade = value.toLowerCase()
  return upgrade === 'websocket' || upgrade === 'h2c' ? undefined : bad('upgrade', 'the only upgrade is websocket')
}

function otherExpectation(expected: string): HeadRefusal | undefined {
  if (expected.toLowerCase() === '100-continue') return undefined
  return refusal('EXPECTATION_FAILED', 'expectation', 'the only expectation is 100-continue')
}

function readTarget(method: string, target: string, host: string, scheme: Scheme): Target | HeadRefusal {
  const parsed = parseTarget(target, host, scheme)
  if ('reason' in parsed) return bad(parsed.reason, parsed.message)
  return parsed.path === '*' && method !== 'OPTIONS' ? bad('target_form', '* is for OPTIONS only') : parsed
}

function bad(reason: string, message: string): HeadRefusal {
  return refusal('BAD_REQUEST', reason, message)
}

function refusal(code: ErrorCode, reason: string, message: string): HeadRefusal {
  return { code, reason, message }
}
