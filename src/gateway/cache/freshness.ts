/** What may be kept, for how long it is fresh, and how old it is: RFC 9111 for a shared cache. Pure. Times in s unless said. */
import { header, headerValues, type RawHeaders } from '../../core/headers.ts'
import { type Directives, directivesOf, SECONDS_MAX, secondsOf } from './directives.ts'

/** Kept when they say how long: what is commonly the same for everybody. 206 and others would need more than this cache has. */
const KEPT: ReadonlySet<number> = new Set([200, 203, 301, 308, 404, 410])

export interface Asked {
  readonly headers: RawHeaders
  /** Does the answer depend on who asks, as far as the gateway knows? */
  readonly personal: boolean
}

/** RFC 9111 §3, and narrower: nothing that sets cookies, and for requests that tell who asks only what is said to be for all. */
export function isStorable(asked: Asked, status: number, headers: RawHeaders, defaultSeconds: number): boolean {
  const directives = directivesOf(headers)
  if (!KEPT.has(status) || directivesOf(asked.headers).has('no-store')) return false
  if (directives.has('no-store') || directives.has('private')) return false
  if (header(headers, 'set-cookie') !== undefined || headerValues(headers, 'vary').some((line) => line.includes('*')))
    return false
  const forAll = directives.has('public') || directives.has('s-maxage')
  if (asked.personal && !forAll) return false
  const mayBeAsked = header(headers, 'etag') !== undefined || header(headers, 'last-modified') !== undefined
  return lifetimeOf(headers, directives, defaultSeconds) > 0 || (saysHowLong(headers, directives) && mayBeAsked)
}

function saysHowLong(headers: RawHeaders, directives: Directives): boolean {
  return (
    ['s-maxage', 'max-age', 'no-cache'].some((name) => directives.has(name)) || header(headers, 'expires') !== undefined
  )
}

/** RFC 9111 §4.2.1. Not guessed from Last-Modified: what nobody has said to be fresh is asked for. */
export function lifetimeOf(headers: RawHeaders, directives: Directives, defaultSeconds: number): number {
  if (directives.has('no-cache')) return 0
  const said = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age')
  if (said !== undefined) return said
  const expires = header(headers, 'expires')
  if (expires === undefined) return defaultSeconds
  const [end, start] = [Date.parse(expires), Date.parse(header(headers, 'date') ?? '')]
  return Number.isFinite(end) && Number.isFinite(start) ? Math.max(0, (end - start) / 1000) : 0
}

/** How long after its lifetime it may still be given: while it is asked for again, or when that fails (RFC 5861). */
export function staleTimes(directives: Directives): { readonly whileRevalidate: number; readonly ifError: number } {
  const isForbidden = ['no-cache', 'must-revalidate', 'proxy-revalidate'].some((name) => directives.has(name))
  if (isForbidden) return { whileRevalidate: 0, ifError: 0 }
  return {
    whileRevalidate: secondsOf(directives, 'stale-while-revalidate') ?? 0,
    ifError: secondsOf(directives, 'stale-if-error') ?? 0,
  }
}

/** Of an answer when it came, s: what caches before us say (RFC 9111 §4.2.3). */
export function ageOnArrival(headers: RawHeaders): number {
  const age = header(headers, 'age')
  return age !== undefined && /^\d+$/.test(age) ? Math.min(Number(age), SECONDS_MAX) : 0
}

/** Does the client want more than freshness (RFC 9111 §5.2.1)? `age` and `lifetime` of what is kept. */
export function isGoodEnough(asked: RawHeaders, age: number, lifetime: number): boolean {
  const directives = directivesOf(asked)
  if (directives.has('no-cache') || (directives.size === 0 && header(asked, 'pragma') === 'no-cache')) return false
  const oldest = secondsOf(directives, 'max-age') ?? Number.POSITIVE_INFINITY
  const left = secondsOf(directives, 'min-fresh') ?? 0
  return age <= oldest && lifetime - age > left
}

/** Does the client have this very answer already (RFC 9110 §13.1)? */
export function isNotModified(asked: RawHeaders, kept: RawHeaders): boolean {
  const tags = header(asked, 'if-none-match')
  const tag = header(kept, 'etag')
  if (tags !== undefined)
    return tags.trim() === '*' || (tag !== undefined && tags.split(',').some((one) => weak(one) === weak(tag)))
  const [since, modified] = [header(asked, 'if-modified-since'), header(kept, 'last-modified')].map((text) =>
    Date.parse(text ?? ''),
  )
  return Number.isFinite(since) && Number.isFinite(modified) && modified! <= since!
}

function weak(tag: string): string {
  return tag.trim().replace(/^W\//, '')
}
