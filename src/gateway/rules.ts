/** The rules of a route: how each is checked, and made ready for its step. One line each. */
import type { Checks } from './check.ts'
import type { RouteRules } from './contract.ts'
import { checkRateLimits, type RateLimit, rateLimits } from './rule/rate-limit.ts'

export const RULE_CHECKS: Checks<RouteRules> = {
  rateLimit: checkRateLimits,
}

/** As the steps use them; undefined or empty = nothing to do. */
export interface Rules {
  readonly rateLimits: readonly RateLimit[]
}

/** Takes checked rules apart. `name` is the route's; what `before` remembers of an unchanged rule is taken over. */
export function prepareRules(config: RouteRules, name: string, before: Rules | undefined): Rules {
  return {
    rateLimits: rateLimits(config.rateLimit, name, before?.rateLimits ?? []),
  }
}
