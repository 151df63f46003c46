/**
 * The token bucket of buckets.ts as a script in Redis, so that reading and taking are one step for all who ask.
 *
 * Time is Redis's own: gateways whose clocks differ by a second would give and take each other's tokens, and a bucket has one
 * home. Should that clock be set back, a bucket begins anew from what it held instead of standing still until it has caught up.
 *
 * A bucket is two numbers, tokens and when (µs); GCRA's one number, the time at which the bucket is full again, loses what a
 * double cannot hold beside an epoch in µs: at 700,000 requests a second that is 5 %. A full bucket is no key: so it expires
 * when it is full.
 */
import type { Verdict } from '../buckets.ts'

/** KEYS: a bucket each. ARGV: capacity and tokens per µs of each. Answers 1 or 0, then the tokens left in each, as texts. */
export const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local free, back, tokens = true, false, {}
for i, key in ipairs(KEYS) do
  local capacity, rate = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local held, at = string.match(redis.call('GET', key) or '', '^(%S+) (%S+)$')
  tokens[i] = capacity
  if held then
    local passed = now - tonumber(at)
    back = back or passed < 0
    tokens[i] = math.min(capacity, tonumber(held) + math.max(0, passed) * rate)
  end
  free = free and tokens[i] >= 1
end
local answer = { free and '1' or '0' }
for i, key in ipairs(KEYS) do
  local capacity, rate = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  if free then tokens[i] = tokens[i] - 1 end
  if free or back then
    local full = math.ceil((capacity - tokens[i]) / rate / 1000)
    redis.call('SET', key, string.format('%.17g %.0f', tokens[i], now), 'PX', math.max(1, full))
  end
  answer[i + 1] = string.format('%.17g', tokens[i])
end
return answer
`

/** How one bucket fills. */
export interface Filling {
  readonly capacity: number
  readonly perMs: number
}

export function argumentsFor(fillings: readonly Filling[]): string[] {
  return fillings.flatMap(({ capacity, perMs }) => [String(capacity), String(perMs / 1000)])
}

/** @throws TypeError for an answer that the script does not give: then it is no Redis. */
export function verdictsOf(answer: unknown, fillings: readonly Filling[]): Verdict[] {
  if (!Array.isArray(answer) || answer.length !== fillings.length + 1) throw new TypeError('an answer of another form')
  const isTaken = answer[0] === '1'
  return fillings.map(({ capacity, perMs }, i) => {
    const tokens = Number(answer[i + 1])
    if (!Number.isFinite(tokens)) throw new TypeError('an answer without numbers')
    const taken = isTaken || tokens >= 1
    return {
      taken,
      left: Math.floor(tokens),
      retryMs: taken ? 0 : (1 - tokens) / perMs,
      fullMs: (capacity - tokens) / perMs,
    }
  })
}
