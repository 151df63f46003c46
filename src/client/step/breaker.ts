/** Keeps calls away from instances that traffic has shown to be dead, failing or hung, and judges each attempt afterwards. */
import { ERRORS, type ErrorCode } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import { WireError } from '../../wire/wire-error.ts'
import type { AttemptState, Call, Layer, Parts } from '../call.ts'
import type { OutboundResponse } from '../contract.ts'
import { isFailed, isFailure, statusInHead } from '../grpc.ts'
import { ERROR_HEADER } from '../headers.ts'
import { judgeAndTell, type Verdict } from '../judge.ts'

/** `then` and not `await`: each async function on the way of every request costs it a promise and three turns more. */
export const breaker: Layer = (parts, next) => (call) => {
  const { attempt } = call
  return next(call).then(
    (response) => {
      if (call.request.grpc === undefined) settle(call, attempt, failureInAnswer(response), parts)
      else judgeGrpc(call, response, parts)
      return response
    },
    (error) => {
      if (attempt.candidate !== undefined) settle(call, attempt, failureOf(attempt), parts)
      throw error
    },
  )
}

/** The status of a gRPC call comes last, where it does not come alone. */
function judgeGrpc(call: Call, response: OutboundResponse, parts: Parts): void {
  const { attempt } = call
  const atEnd = response.status === 200 && statusInHead(response.headers) === undefined
  const end = () => settle(call, attempt, atEnd ? failureAtEnd(attempt) : failureInAnswer(response), parts)
  if (atEnd && !attempt.over) attempt.onEnd = end
  else end()
}

function failureAtEnd(attempt: AttemptState): Verdict {
  if (attempt.failure !== undefined || attempt.trailers === undefined) return failureOf(attempt)
  return isFailure(statusInHead(attempt.trailers) ?? 2) ? 'status' : 'well'
}

/**
 * Any status of 500 and above counts, as in Envoy: an instance that fails fast must not look like a fast one. Not so where
 * the instance says that it was its own upstream that failed. One that shuts down counts as one that refuses: it is left
 * alone at once, and asked again soon in case it stays.
 */
function failureInAnswer(response: OutboundResponse): Verdict {
  if (!isFailed(response)) return 'well'
  const code = header(response.headers, ERROR_HEADER)
  if (code === undefined) return 'status'
  if (code === 'SHUTTING_DOWN') return 'refused'
  return Object.hasOwn(ERRORS, code) && ERRORS[code as ErrorCode].fault === 'upstream' ? 'well' : 'status'
}

function failureOf({ failure, outpaced }: AttemptState): Verdict {
  if (failure === undefined) return outpaced ? 'outpaced' : 'unknown'
  if (failure === 'timeout') return 'timeout'
  // Of the two, GOAWAY is how a healthy instance ends a connection.
  if (failure.stage === 'unprocessed') return isRefusedStream(failure.cause) ? 'status' : 'unknown'
  return failure.stage === 'connect' && isRefusal(failure.cause) ? 'refused' : 'connection'
}

function isRefusal(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'
}

function isRefusedStream(cause: unknown): boolean {
  return cause instanceof WireError && cause.reason === 'h2_refused_stream'
}

function settle(call: Call, attempt: AttemptState, verdict: Verdict, parts: Parts): void {
  const { upstream, policy, span } = call
  const candidate = attempt.candidate!
  // What has gone is judged no more: nobody would forget the verdict.
  if (!upstream.holds(candidate)) return
  if (!attempt.awaited) upstream.outlier.started(candidate.id)
  judgeAndTell({ upstream, candidate, verdict, balance: policy.balance, span }, parts)
}
