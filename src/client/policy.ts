/** Which limits hold for a call: those of the call, else of the caller, else the defaults. */
import type { BalanceConfig } from '../balance/balance-config.ts'
import type { CallPolicy, OutboundRequest } from './contract.ts'
import { type BulkheadPolicy, type CircuitPolicy, checkBulkhead, checkCircuit, checked } from './guard-policy.ts'
import { checkHedge, type HedgePolicy } from './hedge-policy.ts'
import type { Protocol, UpstreamTls } from './protocol.ts'

export interface Policies {
  readonly balance: BalanceConfig | undefined
  readonly deadlineMs: number
  /** As set by somebody; undefined = a share of the deadline, where that makes sense. */
  readonly attemptTimeoutMs: number | undefined
  readonly attempts: number
  readonly bodyIdleMs: number
  readonly hedge: HedgePolicy | undefined
  readonly bulkhead: BulkheadPolicy | undefined
  readonly circuit: CircuitPolicy | undefined
  /** Undefined = as the instance says. */
  readonly protocol: Protocol | undefined
  readonly tls: UpstreamTls | undefined
}

export const DEFAULTS = { deadlineMs: 5_000, attempts: 3, bodyIdleMs: 60_000 } as const

/** @throws RangeError for what makes no sense: here, where nothing has begun that would have to be ended. */
export function resolvePolicy(own: CallPolicy | undefined, wider: CallPolicy): Policies {
  const attemptTimeoutMs = own?.attemptTimeoutMs ?? wider.attemptTimeoutMs
  const attempts = own?.attempts ?? wider.attempts ?? DEFAULTS.attempts
  if (attemptTimeoutMs !== undefined && !(isNumber(attemptTimeoutMs) && attemptTimeoutMs > 0))
    throw new RangeError(`attemptTimeoutMs: ${attemptTimeoutMs} is no number of ms above 0`)
  if (!(isNumber(attempts) && attempts >= 1)) throw new RangeError(`attempts: ${attempts} is no number from 1`)
  return {
    balance: own?.balance ?? wider.balance,
    deadlineMs: milliseconds('deadlineMs', own?.deadlineMs ?? wider.deadlineMs ?? DEFAULTS.deadlineMs),
    attemptTimeoutMs,
    attempts,
    bodyIdleMs: milliseconds('bodyIdleMs', own?.bodyIdleMs ?? wider.bodyIdleMs ?? DEFAULTS.bodyIdleMs),
    hedge: checked('hedge', own?.hedge ?? wider.hedge, checkHedge),
    bulkhead: checked('bulkhead', own?.bulkhead ?? wider.bulkhead, checkBulkhead),
    circuit: checked('circuit', own?.circuit ?? wider.circuit, checkCircuit),
    protocol: own?.protocol ?? wider.protocol,
    tls: own?.tls ?? wider.tls,
  }
}

/** With NaN a call would have no end, and a text would be put behind a time in place of being added to it. */
const isNumber = (value: unknown) => typeof value === 'number' && !Number.isNaN(value)

/** None left is a number too: then nothing is sent. */
function milliseconds(name: string, value: number): number {
  if (isNumber(value)) return value
  throw new RangeError(`${name}: ${value} is no number of ms`)
}

const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])

/** May the call be repeated once it may have been processed? (RFC 9110 §9.2.2) */
export function isIdempotent(request: OutboundRequest): boolean {
  return request.idempotent ?? IDEMPOTENT_METHODS.has(request.method)
}
