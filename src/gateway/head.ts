/**
 * What of a request head is refused although the engine lets it pass. src/wire/ has refused by then: Content-Length with Transfer-Encoding, several or malformed Content-Lengths, blanks before the colon,
 * folded lines, bare CR or LF, control bytes. What is left is here, in one list. Pure.
 */
import type { ErrorCode } from '../core/errors.ts'
import { header, headerValues, type RawHeaders } from '../core/headers.ts'
import type { GatewayLimits } from './limits.ts'
import { isValidHost, parseTarget, type Refusal, type Scheme, type Target } from './target.ts'

/** Methods that are passed on. CONNECT and TRACE never are: the one makes a tunnel, the other reads headers back. */
export const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What is judged of a head, whichever version of HTTP brought it. */
export interface RequestHead {
  readonly method: string
  /** As on the wire. */
  readonly target: string
  readonly version: string
  readonly headers: RawHeaders
}

export interface HeadRefusal extends Refusal {
  readonly code: ErrorCode
}

type HeadCheck = (head: RequestHead, limits: GatewayLimits) => HeadRefusal | undefined

/** The target of `head`, or the first reason to refuse it. Sizes come first: they bound the work of the rest. */
export function readHead(head: RequestHead, limits: GatewayLimits, scheme: Scheme = 'http'): Target | HeadRefusal {
  for (const check of CHECKS) {
    const refusal = check(head, limits)
    if (refusal !== undefined) return refusal
  }
  return readTarget(head, scheme)
}

const CHECKS: readonly HeadCheck[] = [
  tooLong,
  tooManyFields,
  otherVersion,
  otherMethod,
  foldedName,
  repeatedField,
  wrongHost,
  wrongFraming,
  wrongCoding,
  otherUpgrade,
  otherExpectation,
]

function tooLong({ target }: RequestHead, { targetBytes }: GatewayLimits): HeadRefusal | undefined {
  if (target.length <= targetBytes) return undefined
  return refusal('URI_TOO_LONG', 'target_too_long', `the target is longer than ${targetBytes} bytes`)
}

function tooManyFields({ headers }: RequestHead, { headerFields }: GatewayLimits): HeadRefusal | undefined {
  if (headers.length <= headerFields * 2) return undefined
  return refusal('HEADERS_TOO_LARGE', 'too_many_headers', `there are more than ${headerFields} header fields`)
}

const VERSIONS: ReadonlySet<string> = new Set(['1.0', '1.1', '2.0'])

function otherVersion({ version }: RequestHead): HeadRefusal | undefined {
  return VERSIONS.has(version) ? undefined : bad('http_version', `HTTP/${version} is not spoken here`)
}

function otherMethod({ method }: RequestHead): HeadRefusal | undefined {
  return METHODS.has(method) ? undefined : refusal('METHOD_NOT_ALLOWED', 'method', `${method} is not passed on`)
}

/** Many servers turn both `_` and `-` into `_`, so that `X_Real_IP` could pass for our `X-Real-IP` there. */
function foldedName({ headers }: RequestHead): HeadRefusal | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.includes('_')) return bad('header_underscore', `the header name ${headers[i]} has an underscore`)
  }
  return undefined
}

/** Fields that mean nothing when given twice: of two values, one server takes the first and another the last. */
const SINGLE: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'origin',
  'proxy-authorization',
  'sec-websocket-key',
  'sec-websocket-version',
  'transfer-encoding',
  'upgrade',
  'user-agent',
])

function repeatedField({ headers }: RequestHead): HeadRefusal | undefined {
  const seen = new Set<string>()
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    if (!SINGLE.has(name)) continue
    if (seen.has(name)) return bad('repeated_header', `the header ${name} is given twice`)
    seen.add(name)
  }
  return undefined
}

function wrongHost({ headers }: RequestHead): HeadRefusal | undefined {
  const host = header(headers, 'host')
  if (host === undefined) return bad('no_host', 'there is no Host header')
  return isValidHost(host) ? undefined : bad('invalid_host', 'the Host header is not a host name')
}

function wrongFraming({ headers, version }: RequestHead): HeadRefusal | undefined {
  const coding = header(headers, 'transfer-encoding')
  const length = header(headers, 'content-length')
  if (coding === undefined) {
    return length === undefined || /^\d{1,15}$/.test(length)
      ? undefined
      : bad('content_length', 'Content-Length is no number')
  }
  if (length !== undefined) return bad('two_framings', 'both Content-Length and Transfer-Encoding are given')
  if (version === '1.0') return bad('transfer_encoding', 'HTTP/1.0 has no Transfer-Encoding')
  if (coding.trim().toLowerCase() === 'chunked') return undefined
  return bad('transfer_encoding', 'the only Transfer-Encoding is chunked')
}

/** Stacked codings are decompression bombs; one coding is passed on unread. */
function wrongCoding({ headers }: RequestHead): HeadRefusal | undefined {
  const coding = header(headers, 'content-encoding')
  return coding?.includes(',') ? bad('content_encoding', 'more than one Content-Encoding') : undefined
}

/**
 * An upgraded connection would carry requests that no rule here has seen. `h2c` is not even asked for behind the gateway: the
 * engine passes it over, and neither it nor its settings are sent on.
 */
function otherUpgrade({ headers }: RequestHead): HeadRefusal | undefined {
  const upgrade = header(headers, 'upgrade')?.toLowerCase()
  if (upgrade === undefined || upgrade === 'websocket' || upgrade === 'h2c') return undefined
  return bad('upgrade', 'the only upgrade is websocket')
}

function otherExpectation({ headers }: RequestHead): HeadRefusal | undefined {
  const expected = headerValues(headers, 'expect')[0]
  if (expected === undefined || expected.toLowerCase() === '100-continue') return undefined
  return refusal('EXPECTATION_FAILED', 'expectation', 'the only expectation is 100-continue')
}

/** Below the checks: it needs the one Host that they make sure of. */
function readTarget({ target, method, headers }: RequestHead, scheme: Scheme): Target | HeadRefusal {
  const parsed = parseTarget(target, header(headers, 'host')!, scheme)
  if ('reason' in parsed) return bad(parsed.reason, parsed.message)
  return parsed.path === '*' && method !== 'OPTIONS' ? bad('target_form', '* is for OPTIONS only') : parsed
}

function bad(reason: string, message: string): HeadRefusal {
  return refusal('BAD_REQUEST', reason, message)
}

function refusal(code: ErrorCode, reason: string, message: string): HeadRefusal {
  return { code, reason, message }
}
