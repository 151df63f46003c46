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

/**
 * KEYS: buckets, group by group. ARGV: for each group how many, and of each bucket its capacity and tokens per ms. Of a group a
 * token of each is taken, or none. Answers for each group 1 or 0 and the tokens left in each, as texts.
 */
export const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer, before, at = {}, 0, 1
while before < #KEYS do
  local size = tonumber(ARGV[at])
  local free, back, capacity, rate, tokens = true, false, {}, {}, {}
  for i = 1, size do
    capacity[i], rate[i] = tonumber(ARGV[at + 2 * i - 1]), tonumber(ARGV[at + 2 * i])
    local held, when = string.match(redis.call('GET', KEYS[before + i]) or '', '^(%S+) (%S+)$')
    tokens[i] = capacity[i]
    if held then
      local passed = now - tonumber(when)
      back = back or passed < 0
      tokens[i] = math.min(capacity[i], tonumber(held) + math.max(0, passed) / 1000 * rate[i])
    end
    free = free and tokens[i] >= 1
  end
  answer[#answer + 1] = free and '1' or '0'
  for i = 1, size do
    if free then tokens[i] = tokens[i] - 1 end
    if free or back then
      local full = math.ceil((capacity[i] - tokens[i]) / rate[i])
      redis.call('SET', KEYS[before + i], string.format('%.17g %.0f', tokens[i], now), 'PX', math.max(1, full))
    end
    answer[#answer + 1] = string.format('%.17g', tokens[i])
  end
  before, at = before + size, at + 2 * size + 1
end
return answer
`

/** One bucket: its key, and how it fills. */
export interface Bucket {
  readonly key: string
  readonly capacity: number
  readonly perMs: number
}

/** What the script is given behind its name. */
export function wordsFor(groups: readonly (readonly Bucket[])[]): string[] {
  const keys = groups.flatMap((group) => group.map(({ key }) => key))
  const numbers = groups.flatMap((group) => [
    String(group.length),
    ...group.flatMap(({ capacity, perMs }) => [String(capacity), String(perMs)]),
  ])
  return [String(keys.length), ...keys, ...numbers]
}

/** @throws TypeError for an answer that the script does not give: then it is no Redis. */
export function verdictsOf(answer: unknown, groups: readonly (readonly Bucket[])[]): Verdict[][] {
  const length = groups.reduce((sum, group) => sum + group.length + 1, 0)
  if (!Array.isArray(answer) || answer.length !== length) throw new TypeError('an answer of another form')
  let at = 0
  return groups.map((group) => {
    const isTaken = answer[at++] === '1'
    return group.map((bucket) => verdictOf(Number(answer[at++]), isTaken, bucket))
  })
}

function verdictOf(tokens: number, isTaken: boolean, { capacity, perMs }: Bucket): Verdict {
  if (!Number.isFinite(tokens)) throw new TypeError('an answer without numbers')
  const taken = isTaken || tokens >= 1
  return {
    taken,
    left: Math.floor(tokens),
    retryMs: taken ? 0 : (1 - tokens) / perMs,
    fullMs: (capacity - tokens) / perMs,
  }
}
