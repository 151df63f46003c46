/** The rules of a route: how each is checked, and made ready for its step. One line each. */
import { type Auth, prepareAuth, type RuleParts } from './auth/auth.ts'
import type { Checks } from './check.ts'
import type { RouteRules } from './contract.ts'
import { admission, checkAddresses } from './rule/addresses.ts'
import { checkAuth } from './rule/auth.ts'
import { type Cache, cache, checkCache } from './rule/cache.ts'
import { type Compression, checkCompress, compression } from './rule/compress.ts'
import { type Cors, checkCors, cors } from './rule/cors.ts'
import { checkHeaderEdits, type HeaderEditConfig } from './rule/header-edits.ts'
import { checkMaintenance, type Maintenance, maintenance } from './rule/maintenance.ts'
import { checkRateLimits, type RateLimit, rateLimits } from './rule/rate-limit.ts'
import { type CustomStep, checkSteps } from './rule/steps.ts'

export const RULE_CHECKS: Checks<RouteRules> = {
  addresses: checkAddresses,
  cors: checkCors,
  requestHeaders: checkHeaderEdits,
  responseHeaders: checkHeaderEdits,
  maintenance: checkMaintenance,
  rateLimit: checkRateLimits,
  auth: checkAuth,
  steps: checkSteps,
  compress: checkCompress,
  cache: checkCache,
}

/** The rules that hold for a route: its own and those of the defaults that it does not turn off. For `explain`. */
export function ruleNames(config: RouteRules, defaults: RouteRules | undefined): string[] {
  const merged = { ...defaults, ...config }
  return Object.keys(RULE_CHECKS).filter((name) => Boolean(merged[name as keyof RouteRules]))
}

/** As the steps use them; undefined or empty = nothing to do. */
export interface Rules {
  readonly admits: ((ip: string) => boolean) | undefined
  readonly cors: Cors | undefined
  readonly requestHeaders: HeaderEditConfig | false | undefined
  readonly responseHeaders: HeaderEditConfig | false | undefined
  readonly maintenance: Maintenance | undefined
  readonly rateLimits: readonly RateLimit[]
  readonly auth: Auth | undefined
  readonly steps: readonly CustomStep[]
  readonly compress: Compression | undefined
  readonly cache: Cache | undefined
}

/** Takes checked rules apart. `name` is the route's; what `before` remembers of an unchanged rule is taken over. */
export function prepareRules(config: RouteRules, name: string, before: Rules | undefined, parts: RuleParts): Rules {
  return {
    admits: admission(config.addresses),
    cors: cors(config.cors),
    requestHeaders: config.requestHeaders,
    responseHeaders: config.responseHeaders,
    maintenance: maintenance(config.maintenance),
    rateLimits: rateLimits(config.rateLimit, name, before?.rateLimits ?? []),
    auth: prepareAuth(config.auth, before?.auth, parts),
    steps: config.steps || [],
    compress: compression(config.compress),
    cache: cache(config.cache, name, before?.cache),
  }
}
