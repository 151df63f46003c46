/** Which header fields cross the gateway. Pure. */
import { isNamed, lowerCase, type RawHeaders } from '../core/headers.ts'

/** RFC 9110 §7.6.1 and what came before it: these fields speak of one connection only. */
const HOP_BY_HOP: readonly string[] = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** A `Connection` field cannot take these away: the upstream relies on them (Traefik CVE-2024-45410). */
const PROTECTED: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'date',
  'forwarded',
  'host',
  'location',
  'set-cookie',
  'traceparent',
  'tracestate',
  'x-real-ip',
  'x-request-id',
])

/** What the gateway writes itself, or has answered itself: the client's own never gets through. */
const OURS: readonly string[] = [
  'content-length',
  'expect',
  'forwarded',
  'traceparent',
  'tracestate',
  'x-real-ip',
  'x-request-id',
]

const DROPPED_FROM_REQUEST: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...OURS])
const DROPPED_FROM_RESPONSE: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'content-length', 'x-request-id'])

/**
 * The client's fields that go on: not the hop-by-hop ones and those that Connection names, not what the gateway writes
 * itself, and none of `x-forwarded-*` and `x-skein-*`, which are believed inside and so never taken from outside.
 */
export function requestHeaders(headers: RawHeaders): string[] {
  const named = namedByConnection(headers)
  return filter(headers, (name) => {
    if (DROPPED_FROM_REQUEST.has(name) || named.has(name)) return false
    return !(name.startsWith('x-') && (name.startsWith('x-forwarded-') || name.startsWith('x-skein-')))
  })
}

/** The upstream's fields that go back. Content-Length is the engine's to write. */
export function responseHeaders(headers: RawHeaders): string[] {
  const named = namedByConnection(headers)
  return filter(headers, (name) => !DROPPED_FROM_RESPONSE.has(name) && !named.has(name))
}

const NONE: ReadonlySet<string> = new Set()
/** What nearly all say, if they say anything. */
const NAMES_NOTHING = /^(?:keep-alive|close)$/i

function namedByConnection(headers: RawHeaders): ReadonlySet<string> {
  let named: Set<string> | undefined
  for (let i = 0; i < headers.length; i += 2) {
    if (!isNamed(headers[i]!, 'connection') || NAMES_NOTHING.test(headers[i + 1]!)) continue
    named ??= new Set()
    for (const name of headers[i + 1]!.split(',')) {
      const lower = name.trim().toLowerCase()
      if (!PROTECTED.has(lower) && !lower.startsWith('x-forwarded-')) named.add(lower)
    }
  }
  return named ?? NONE
}

function filter(headers: RawHeaders, keeps: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (keeps(lowerCase(headers[i]!))) kept.push(headers[i]!, headers[i + 1]!)
  }
  return kept
}
