/** Answers that no endpoint gives: to what it does not know, to what it refuses. */
import { UNKNOWN_TOKEN } from './acl/contract.ts'
import { Encoded } from './api/encoded.ts'
import { type Answer, type Endpoint, text, UNKNOWN_PATH } from './api/endpoint.ts'
import type { Refusal } from './state/refusal.ts'

const UNKNOWN_PREFIX = "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n"

export const plain = (body: string, type = 'text/plain; charset=utf-8'): Answer => ({
  status: 200,
  headers: ['Content-Type', type],
  body: new Encoded(body),
})

export function redirect(method: string, path: string, query: string): Answer {
  const location = query === '' ? path : `${path}?${query}`
  if (method !== 'GET') return { status: 301, headers: ['Location', location] }
  const safe = location
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&#34;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
  return {
    status: 301,
    headers: ['Content-Type', 'text/html; charset=utf-8', 'Location', location],
    body: new Encoded(`<a href="${safe}">Moved Permanently</a>.\n\n`),
  }
}

/** The root is what Consul's clients use as a ping. */
export function unknown(method: string, path: string): Answer {
  if (path === '/' && method === 'GET') return plain('Consul Agent')
  return text(404, path.startsWith('/v1/') ? UNKNOWN_PATH : UNKNOWN_PREFIX)
}

export function otherMethod(method: string, endpoint: Endpoint): Answer {
  const allowed = [
    'OPTIONS',
    ...(['GET', 'PUT', 'POST', 'DELETE'] as const).filter((name) => endpoint[name] !== undefined),
  ]
  if (method === 'OPTIONS') return { status: 200, headers: ['Allow', allowed.join(',')] }
  return text(405, `method ${method} not allowed`, ['Allow', allowed.join(',')])
}

/** Errors of blocking endpoints carry an index of 1, so that clients which insist on one start over. */
export function refuse(refusal: Refusal, method: string, endpoint: string): Answer {
  const retry = refusal.status === 429 ? ['Retry-After', '1'] : []
  if (refusal.status === 400 && refusal.message === '') return { status: 400, headers: retry }
  const blocking = method === 'GET' && INDEXED.test(endpoint)
  const indexed = blocking && (refusal.status === 500 || refusal.message === UNKNOWN_TOKEN)
  return text(refusal.status, refusal.message, [...(indexed ? NO_INDEX : []), ...retry])
}

const NO_INDEX = ['X-Consul-Index', '1', 'X-Consul-KnownLeader', 'false', 'X-Consul-LastContact', '0']
const INDEXED =
  /^\/v1\/(acl\/|health|catalog\/(services?|nodes?|node-services)(\/|$)|kv|session\/(info|node|list)|query)/
