/**
 * Every error that Skein itself gives, in one table: HTTP status, whose fault it is, whether the call may be repeated,
 * and what to do. Codes are stable and never used again for another meaning. docs/errors.md lists the same codes.
 */

/** Who has to act: the one who asked, the one who should have answered, or Skein. */
export type Fault = 'caller' | 'upstream' | 'internal'

export interface ErrorKind {
  readonly status: number
  readonly fault: Fault
  /** True when repeating the same call elsewhere or later may succeed without a change by the caller. */
  readonly retryable: boolean
  /** The way out, one sentence. */
  readonly hint: string
}

const kind = (status: number, fault: Fault, retryable: boolean, hint: string): ErrorKind => ({
  status,
  fault,
  retryable,
  hint,
})

export const ERRORS = {
  INVALID_INPUT: kind(400, 'caller', false, 'Correct the fields listed under "issues".'),
  BAD_REQUEST: kind(400, 'caller', false, 'The request is not well-formed HTTP or JSON; correct it.'),
  UNAUTHENTICATED: kind(401, 'caller', false, 'Send a valid API key or token; the message says what was wrong.'),
  FORBIDDEN: kind(403, 'caller', false, 'This client may not do that here; whoever runs the gateway decides.'),
  NOT_FOUND: kind(404, 'caller', false, 'No route matches; `skein explain METHOD PATH` shows what would.'),
  UNKNOWN_OPERATION: kind(
    404,
    'caller',
    false,
    'The service does not offer this operation; /openapi.json lists those it has.',
  ),
  METHOD_NOT_ALLOWED: kind(405, 'caller', false, 'Use one of the methods in the Allow header.'),
  REQUEST_TIMEOUT: kind(408, 'caller', false, 'Send the whole request without long pauses.'),
  BODY_TOO_LARGE: kind(413, 'caller', false, 'Send less, or raise the body limit of the route or service.'),
  URI_TOO_LONG: kind(414, 'caller', false, 'Send a shorter path and query.'),
  UNSUPPORTED_MEDIA_TYPE: kind(415, 'caller', false, 'Send the body as application/json.'),
  EXPECTATION_FAILED: kind(417, 'caller', false, 'Leave out the Expect header, or send 100-continue.'),
  RATE_LIMITED: kind(429, 'caller', true, 'Send fewer requests; Retry-After says when the next is let through.'),
  HEADERS_TOO_LARGE: kind(431, 'caller', false, 'Send fewer or smaller headers.'),
  CANCELLED: kind(499, 'caller', false, 'The caller went away before the answer.'),
  INTERNAL: kind(500, 'internal', false, 'The handler threw; the log line with this request id has the stack.'),
  INVALID_OUTPUT: kind(
    500,
    'internal',
    false,
    'The handler returned what its output schema refuses; correct the handler.',
  ),
  STORAGE_FAILED: kind(
    500,
    'internal',
    true,
    'The registry could not store it, so nothing was changed; the message names the file and the reason.',
  ),
  UPSTREAM_FAILED: kind(502, 'upstream', true, 'The instance broke off or answered nonsense; its log says why.'),
  NO_INSTANCES: kind(503, 'upstream', true, 'No instance of the service is registered; `skein ps` shows what runs.'),
  UNREACHABLE: kind(503, 'upstream', true, 'No instance accepted the connection; `skein ps` shows their health.'),
  MAINTENANCE: kind(503, 'upstream', true, 'Closed for a while; Retry-After says when to ask again.'),
  OVERLOADED: kind(
    503,
    'upstream',
    true,
    'The instance has more to do than it can; it was not begun. Another one may have room, or this one a second later.',
  ),
  BULKHEAD_FULL: kind(
    503,
    'upstream',
    true,
    'This caller has as many calls to the service under way as its bulkhead allows; try later, or allow more.',
  ),
  CIRCUIT_OPEN: kind(503, 'upstream', true, 'Most calls to the service failed lately; its own log says why.'),
  UPSTREAM_OVERLOADED: kind(
    503,
    'upstream',
    true,
    'A service behind this one has more to do than it can; try again a second later.',
  ),
  SHUTTING_DOWN: kind(503, 'upstream', true, 'This instance is draining; another one answers.'),
  REGISTRY_UNAVAILABLE: kind(
    503,
    'upstream',
    true,
    'Start it (`skein up`, or `skein registry`), or name the address of one that runs in SKEIN_REGISTRY; where tokens are asked for, SKEIN_REGISTRY_TOKEN.',
  ),
  UNKNOWN_CONTRACT: kind(
    503,
    'upstream',
    true,
    'Start an instance of it (`skein up`, or `skein run`), at this registry: SKEIN_REGISTRY says which is asked.',
  ),
  DEADLINE_EXCEEDED: kind(504, 'upstream', true, 'No answer in time; raise the deadline or look at the instance.'),
  UNKNOWN_TARGET: kind(404, 'caller', false, 'Name a service or an instance that `skein ps` lists.'),
  NOT_RUNNING: kind(404, 'caller', false, 'Start the fleet with `skein up`, or name its configuration with --config.'),
  ALREADY_RUNNING: kind(409, 'caller', false, 'Stop the running fleet first; `skein ps` shows it.'),
  START_FAILED: kind(503, 'upstream', false, 'Its own output says why; `skein logs` shows it.'),
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** What an error says beside its code: `service`, `instance`, `issues`, `reason` … Shown to the caller, so no secrets. */
export type ErrorDetails = Readonly<Record<string, unknown>>

/** An expected failure. `message` is for people; programs look at `code`. */
export class SkeinError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'SkeinError'
    this.code = code
    this.details = details
  }

  get kind(): ErrorKind {
    return ERRORS[this.code]
  }

  /** The JSON body sent for this error: `{error: {code, message, hint, …details}}`. */
  toBody(): { error: Record<string, unknown> } {
    return { error: { code: this.code, message: this.message, hint: this.kind.hint, ...this.details } }
  }
}

/** Turns anything thrown into a SkeinError; what is unknown becomes INTERNAL and keeps its cause. */
export function asSkeinError(thrown: unknown): SkeinError {
  if (thrown instanceof SkeinError) return thrown
  return new SkeinError('INTERNAL', 'internal error', {}, thrown)
}
