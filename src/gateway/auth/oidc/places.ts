/** Who is a person with a browser on the way to a page, and to which pages we send people. Pure. */
import { header } from '../../../core/headers.ts'
import { isLoopback } from '../../rule/jwt-words.ts'
import type { AuthRequest } from '../contract.ts'

/** A longer one would not fit into the cookie that remembers it. */
const RETURN_MAX = 1_024

/**
 * Only whoever looks at a page can be sent to a login: a script, an image or a form that is sent off would get a login page for
 * an answer. Browsers say which it is by Sec-Fetch-Mode; for those that do not, Accept tells.
 */
export function isNavigation({ method, headers, upgrading }: AuthRequest): boolean {
  if (method !== 'GET' || upgrading) return false
  const purpose = header(headers, 'sec-purpose') ?? header(headers, 'purpose') ?? ''
  if (purpose.includes('prefetch')) return false
  const mode = header(headers, 'sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  if (header(headers, 'x-requested-with') !== undefined) return false
  return /(^|[\s,])text\/html\b/i.test(header(headers, 'accept') ?? '')
}

/** A request that another site's page has made. */
export function isForeign({ headers }: AuthRequest): boolean {
  return header(headers, 'sec-fetch-site') === 'cross-site'
}

/** Browsers keep our cookies only where nobody can listen, which of plain HTTP holds for this very machine. */
export function keepsCookies(origin: string): boolean {
  const url = URL.parse(origin)
  return url?.protocol === 'https:' || (url !== null && isLoopback(url.hostname))
}

/**
 * A place on this very site, path and query, and nothing else: no scheme, no host behind `//` or `\`, no control characters that
 * browsers drop. Undefined for all else.
 */
export function localPlace(place: string, origin: string): string | undefined {
  if (place.length > RETURN_MAX || !/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(place)) return undefined
  const url = URL.parse(place, origin)
  // `/.//host` is plain to look at, and `//host` once a browser has tidied it up.
  if (url === null || url.origin !== URL.parse(origin)?.origin || url.pathname.startsWith('//')) return undefined
  return `${url.pathname}${url.search}`
}
