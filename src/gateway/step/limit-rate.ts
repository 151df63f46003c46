/** Refuses who asks more often than the route's limits allow, and tells everybody how much is left. */
import { createHash } from 'node:crypto'
import { hashKeyOf } from '../../balance/hash-key.ts'
import type { Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import { networkOf } from '../address.ts'
import type { Verdict } from '../buckets.ts'
import type { Exchange, Parts } from '../exchange.ts'
import type { RateLimit, RateLimitKey } from '../rule/rate-limit.ts'

/** Longer keys are hashed: a header may have thousands of bytes, and each is remembered. */
const KEY_MAX = 64

/** For the limits that `choose` takes of a route's: some stand above authentication, some below it. */
export function limitRate(
  { clock, allowance }: Parts,
  choose: (limits: readonly RateLimit[]) => readonly RateLimit[],
): Step<Exchange, void> {
  return async (exchange, next) => {
    const route = exchange.route!
    const limits = choose(route.rules.rateLimits)
    if (limits.length === 0) return next(exchange)
    const asked = limits.map((limit) => ({ limit, route, key: keyOf(limit.by, exchange) }))
    const answer = allowance.take(asked, clock.monotonic())
    const said = answer instanceof Promise ? await answer : answer
    const verdicts = limits.map((limit, i) => ({ limit, verdict: said[i]! }))
    exchange.answerEdits.put('ratelimit-policy', verdicts.map(({ limit }) => policyItem(limit)).join(', '))
    exchange.answerEdits.put('ratelimit', verdicts.map(limitItem).join(', '))
    const waits = verdicts.filter(({ verdict }) => !verdict.taken).map(({ verdict }) => verdict.retryMs)
    if (waits.length > 0) refuse(exchange, Math.max(...waits))
    return next(exchange)
  }
}

function refuse(exchange: Exchange, waitMs: number): never {
  const seconds = inSeconds(waitMs)
  exchange.answerEdits.put('retry-after', String(seconds))
  exchange.span?.decide('rate-limited', { retry_after_s: seconds })
  throw new SkeinError('RATE_LIMITED', `too many requests; the next one is let through in ${seconds} s`, {
    reason: 'rate_limited',
    retryAfterSeconds: seconds,
  })
}

/** By the form of draft-ietf-httpapi-ratelimit-headers: q requests in w seconds; r left, full again in t seconds. */
function policyItem({ name, config }: RateLimit): string {
  return `"${name}";q=${config.requests};w=${config.seconds}`
}

function limitItem({ limit, verdict }: { limit: RateLimit; verdict: Verdict }): string {
  return `"${limit.name}";r=${verdict.left};t=${inSeconds(verdict.fullMs)}`
}

function inSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}

function keyOf(by: RateLimitKey, exchange: Exchange): string {
  if (by === 'route') return ''
  const { origin, connection, head, params, target, identity } = exchange
  const { ip } = origin!
  if (by === 'ip') return networkOf(ip)
  const request = { ip, port: connection.port, headers: head.headers, params, query: target!.query }
  const part = by === 'identity' ? identity?.subject : hashKeyOf(by, request)
  // The mark keeps a header's text from being taken for an address.
  return part === undefined ? networkOf(ip) : `=${part.length > KEY_MAX ? digest(part) : part}`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
