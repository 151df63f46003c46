/** Traffic shared out among services: a canary, a move from one to another. */
import type { HashKeySource } from '../../balance/contract.ts'
import { xxHash64 } from '../../balance/hash/xxhash64.ts'
import { checkHashKeySource } from '../../balance/hash-key.ts'
import { type Check, fields, isRecord, serviceName, wholeNumber } from '../check.ts'

export interface SplitConfig {
  /** Service → its share; shares are whole numbers and need not add up to 100. */
  readonly to: Readonly<Record<string, number | undefined>>
  /**
   * Whose requests stay together: `ip`, `cookie:session`, `header:x-user` …; default: each request by chance. Of what lacks the
   * part, chance decides. When a share grows, those who had that service keep it.
   */
  readonly by?: HashKeySource
}

const EXAMPLE = '{ to: { users: 90, "users-next": 10 } }'
const share = wholeNumber(0, 1_000_000)

const shares: Check = (value, report, context) => {
  if (!isRecord(value) || Object.keys(value).length === 0)
    return report('names no service', `Write it like ${EXAMPLE}.`)
  for (const [name, one] of Object.entries(value)) {
    serviceName(name, (message, fix) => report(message, fix, `.${name}`), context)
    share(one, (message, fix) => report(message, fix, `.${name}`), context)
  }
  if (Object.values(value).every((one) => one === 0)) report('has no share above 0', `Write it like ${EXAMPLE}.`)
}

const by: Check = (value, report) => {
  const problem = checkHashKeySource(value)
  if (problem !== undefined) report(problem, 'Write it like "cookie:session".')
}

export const checkSplit = fields({ to: shares, by }, EXAMPLE, ['to'])

/** The service at `point` of [0, 1), the services laid out in their order. */
export function serviceAt({ to }: SplitConfig, point: number): string {
  const entries = Object.entries(to).map(([name, weight = 0]) => [name, weight] as const)
  let left = point * entries.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [name, weight] of entries) {
    left -= weight
    if (left < 0) return name
  }
  // Rounding alone comes here.
  return entries.findLast(([, weight]) => weight > 0)![0]
}

/** The point of [0, 1) at which a key stands, always the same. */
export function pointOf(key: string): number {
  return (xxHash64(key).hi >>> 0) / 2 ** 32
}
