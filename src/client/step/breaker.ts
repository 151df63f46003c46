/** Keeps calls away from instances that traffic has shown to be dead, failing or hung, and judges each attempt afterwards. */
import type { FailureKind } from '../../balance/outlier.ts'
import { ERRORS, type ErrorCode } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import { WireError } from '../../wire/wire-error.ts'
import type { AttemptState, Call, Layer, Parts } from '../call.ts'
import type { OutboundResponse } from '../contract.ts'
import { isFailure, statusInHead } from '../grpc.ts'
import { ERROR_HEADER } from '../headers.ts'
import type { Candidate } from '../upstream.ts'

/** `then` and not `await`: each async function on the way of every request costs it a promise and three turns more. */
export const breaker: Layer = (parts, next) => (call) => {
  const { attempt } = call
  return next(call).then(
    (response) => {
      if (call.request.grpc === undefined) judge(call, attempt.candidate!, failureInAnswer(response), parts)
      else judgeGrpc(call, response, parts)
      return response
    },
    (error) => {
      if (attempt.candidate !== undefined) judge(call, attempt.candidate, failureOf(attempt), parts)
      throw error
    },
  )
}

type Verdict = FailureKind | 'well' | 'outpaced' | 'unknown'

/** The status of a gRPC call comes last, where it does not come alone. */
function judgeGrpc(call: Call, response: OutboundResponse, parts: Parts): void {
  const { attempt } = call
  const candidate = attempt.candidate!
  const atEnd = response.status === 200 && statusInHead(response.headers) === undefined
  const settle = () => judge(call, candidate, atEnd ? failureAtEnd(attempt) : failureInAnswer(response), parts)
  if (atEnd && !attempt.over) attempt.onEnd = settle
  else settle()
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
function failureInAnswer({ status, headers }: OutboundResponse): Verdict {
  const grpcStatus = status === 200 ? statusInHead(headers) : undefined
  if (status < 500 && (grpcStatus === undefined || !isFailure(grpcStatus))) return 'well'
  const code = header(headers, ERROR_HEADER)
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

function judge(call: Call, candidate: Candidate, verdict: Verdict, parts: Parts): void {
  const { outlier } = call.upstream
  const { id } = candidate
  // What has gone is judged no more: nobody would forget the verdict.
  if (!call.upstream.has(id)) return
  if (call.request.grpc !== undefined) outlier.started(id)
  if (verdict === 'well') outlier.answered(id)
  else if (verdict === 'unknown') outlier.cancelled(id)
  else if (verdict === 'outpaced') outlier.outpaced(id)
  else {
    outlier.failed(id, verdict)
    call.upstream.chooser(call.policy.balance).policy.failed?.(id)
  }
  const reason = outlier.allIn() ? undefined : outlier.state(id).reason
  if (reason !== undefined && !candidate.ejected) {
    parts.metrics.ejections.with(call.request.service, id, verdict).value++
    parts.log.warn({ service: call.request.service, instance: id, reason }, 'instance ejected')
    // What it cost while it failed says nothing about it once it is back, and would keep it idle for a minute.
    for (const load of Object.values(candidate.loads)) load.forget()
  }
  candidate.ejected = reason !== undefined
}
