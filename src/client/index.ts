/** The outbound path: typed calls, the fetch front, and what both stand on. */
export { CallError } from './call-error.ts'
export { type CallerOptions, createCaller } from './caller.ts'
export type {
  Attempt,
  Body,
  Caller,
  CallPolicy,
  CandidateState,
  Lease,
  OutboundRequest,
  OutboundResponse,
} from './contract.ts'
export { decodeAnswer } from './decode.ts'
export { closeDefaults, defaultCaller, defaultConsul } from './default.ts'
export { encodeInput } from './encode.ts'
export type { Fallback } from './fallback.ts'
export { interceptFetch } from './fetch.ts'
export type { BulkheadPolicy, CircuitPolicy } from './guard-policy.ts'
export { ATTEMPT_HEADER, DEADLINE_HEADER, ERROR_HEADER } from './headers.ts'
export type { HedgePolicy } from './hedge-policy.ts'
export { DEFAULTS } from './policy.ts'
export {
  type CallOptions,
  type Client,
  type ClientOptions,
  callOperation,
  client,
  type Fallbacks,
  isCallError,
  type Operation,
} from './typed.ts'
