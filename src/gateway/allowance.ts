/** Who counts what the rate limits let through: this process by itself, or one for all the workers of a gateway. */
import { takeTogether, type Verdict } from './buckets.ts'
import type { RateLimit } from './rule/rate-limit.ts'
import { type GatewayRoute, routeId } from './snapshot.ts'

/** A request and one of the limits that hold for it. */
export interface Ask {
  readonly limit: RateLimit
  readonly route: GatewayRoute
  /** Whose bucket. */
  readonly key: string
}

/** Route and rule, the same in every process. */
export function limitIdOf({ limit, route }: Ask): string {
  return JSON.stringify([routeId(route), limit.config])
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
