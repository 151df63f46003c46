/** Bulkhead and circuit: what a user writes, and what is wrong with it. */
import type { HedgePolicy } from './hedge-policy.ts'

/** A slow service takes no more of the caller than this; the others keep what they need. */
export interface BulkheadPolicy {
  /** Calls to the service at a time, until the head of the answer. */
  readonly calls?: number | undefined
  /** Calls of one operation at a time. */
  readonly perOperation?: number | undefined
  /** So many more may wait for their turn; what comes then is BULKHEAD_FULL. Default 10. */
  readonly queue?: number | undefined
  /** How long one may wait, ms. Default 100; the call's deadline holds in any case. */
  readonly waitMs?: number | undefined
}

/** A service that fails as a whole is not asked for a while. Single instances are looked after without it. Numbers as Hystrix had them. */
export interface CircuitPolicy {
  /** Opens when more than this share of calls has failed. Default 0.5. */
  readonly failureShare?: number | undefined
  /** Of at least so many calls. Default 20. */
  readonly minimum?: number | undefined
  /** In the last so many seconds. Default 10. */
  readonly windowS?: number | undefined
  /** How long it stays open before one call is let through to try, ms. Default 5000. */
  readonly openMs?: number | undefined
}

/** What a call passes through only where it is asked for. Of a route: a route is an operation. */
export interface OptionalSteps {
  /** Asks a second instance when the first is slow, for calls that only read. Default: not. */
  readonly hedge?: HedgePolicy | undefined
  /** Calls to the service, and to one operation of it, at a time. Default: no bound. */
  readonly bulkhead?: BulkheadPolicy | undefined
  /** Does not ask a service of which most calls fail. Default: asks; single instances are taken out in any case. */
  readonly circuit?: CircuitPolicy | undefined
}

type Check = (value: unknown) => string | undefined

const whole = (min: number): Check => {
  return (value) => (Number.isSafeInteger(value) && Number(value) >= min ? undefined : `not a whole number from ${min}`)
}
const share: Check = (value) =>
  typeof value === 'number' && value > 0 && value <= 1 ? undefined : 'not a share above 0, at most 1'

const BULKHEAD: Readonly<Record<keyof BulkheadPolicy, Check>> = {
  calls: whole(1),
  perOperation: whole(1),
  queue: whole(0),
  waitMs: whole(1),
}
const CIRCUIT: Readonly<Record<keyof CircuitPolicy, Check>> = {
  failureShare: share,
  minimum: whole(1),
  windowS: whole(1),
  openMs: whole(1),
}

/** What is wrong with a `bulkhead` as a user wrote it, or undefined. */
export function checkBulkhead(value: unknown): string | undefined {
  const wrong = checkFields(value, BULKHEAD, '{ calls: 20 }')
  const { calls, perOperation } = (value ?? {}) as BulkheadPolicy
  return (
    wrong ?? (calls === undefined && perOperation === undefined ? 'says neither calls nor perOperation' : undefined)
  )
}

/** What is wrong with a `circuit` as a user wrote it, or undefined. */
export function checkCircuit(value: unknown): string | undefined {
  return checkFields(value, CIRCUIT, '{ openMs: 5000 }')
}

function checkFields(value: unknown, checks: Readonly<Record<string, Check>>, example: string): string | undefined {
  if (typeof value !== 'object' || value === null) return `${JSON.stringify(value)} is not an object such as ${example}`
  for (const [name, one] of Object.entries(value)) {
    if (!Object.hasOwn(checks, name)) return `has no option '${name}' (known: ${Object.keys(checks).join(', ')})`
    const wrong = one === undefined ? undefined : checks[name]!(one)
    if (wrong !== undefined) return `${name}: ${JSON.stringify(one)} is ${wrong}`
  }
  return undefined
}

const known = new WeakSet<object>()

/** @throws RangeError for what makes no sense; looks at each object once. */
export function checked<P extends object>(name: string, policy: P | undefined, check: Check): P | undefined {
  if (policy === undefined || known.has(policy)) return policy
  const wrong = check(policy)
  if (wrong !== undefined) throw new RangeError(`${name}: ${wrong}`)
  known.add(policy)
  return policy
}
