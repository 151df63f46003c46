/** Which requests to a registry may be sent to another address after one has failed. */

/**
 * Writes of which a second one changes nothing that the first has not. Consul's PUT is not so by itself: it fires events,
 * creates sessions, and makes an agent leave.
 */
const REPEATABLE_WRITE = /^\/v1\/(?:agent\/(?:service|check)|catalog|kv|session\/(?:renew|destroy))\//
/** Of keys those writes are not repeatable whose outcome depends on what is there: the second would answer false. */
const CONDITION = /[?&](?:cas|acquire|release)=/

/** True when a second request does no further harm and gets the same answer, though the first may have been carried out. */
export function isRepeatable(method: string, path: string): boolean {
  return method === 'GET' || (REPEATABLE_WRITE.test(path) && !CONDITION.test(path))
}

/** Nobody was reached, so nothing was sent. */
const NOT_SENT: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

export function wasNotSent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NOT_SENT.has(error.code)
}
