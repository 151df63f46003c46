/** Who counts what the rate limits let through: this process by itself, or one for all the workers of a gateway. */
import { takeTogether, type Verdict } from './buckets.ts'
import type { RateLimit } from './rule/rate-limit.ts'
import { conditionsOf, type GatewayRoute } from './snapshot.ts'

/** A request and one of the limits that hold for it. */
export interface Ask {
  readonly limit: RateLimit
  readonly route: GatewayRoute
  /** Whose bucket. */
  readonly key: string
}

/** Route and rule, the same in every process. Routes that have no name of their own may share one, and must not share what they count. */
export function limitIdOf({ limit, route: { config, name } }: Ask): string {
  return JSON.stringify([config.name ?? [name, conditionsOf(config)], limit.config])
}

export interface Allowance {
  /** One token of each, or of none where one of them has none left. `now` is monotonic, ms. */
  take(asked: readonly Ask[], now: number): readonly Verdict[] | Promise<readonly Verdict[]>
}

export const ownAllowance: Allowance = {
  take: (asked, now) =>
    takeTogether(
      asked.map(({ limit: { buckets }, key }) => ({ buckets, key })),
      now,
    ),
}
