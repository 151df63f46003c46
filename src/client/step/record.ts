/**
 * The spans of a call. The call is one of kind internal, as the conventions want it where each attempt is a client span: an edge between
 * two services is then counted once for each request on the wire. Both end with the head of the answer, since whether its body is
 * ever read to the end is the caller's affair.
 */
import { authority } from '../../core/authority.ts'
import { asSkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { Attributes } from '../../core/span.ts'
import {
  ERRORS_FROM,
  methodAttributes,
  methodName,
  tellError,
  tellStatus,
  urlOf,
} from '../../telemetry/spans/http-words.ts'
import { recorded } from '../../telemetry/spans/tracer.ts'
import { parentIn } from '../../telemetry/trace.ts'
import { type Call, type Layer, sentRequest } from '../call.ts'
import type { Candidate } from '../candidate.ts'
import { ERROR_HEADER } from '../headers.ts'

export const recordCall: Layer =
  ({ tracer }, next) =>
  (call) => {
    const { service, method, headers, operation = method } = call.request
    const { context } = call
    const remote = context === undefined ? parentIn(headers) : undefined
    call.trace = tracer!.begin(context ?? remote, `${service} ${operation}`, 'internal', remote !== undefined)
    const span = recorded(call.trace)
    if (span === undefined) return next(call)
    call.span = span
    span.set({ 'skein.service': service, 'skein.operation': operation })
    return next(call).then(
      (response) => {
        span.set({ 'skein.instance': response.instance.id, 'skein.attempts': call.attempts.length })
        // A declared error, say, is an answer: the call has done what it is for.
        tellStatus(span, response.status, ERRORS_FROM.server, header(response.headers, ERROR_HEADER))
        span.end()
        return response
      },
      (thrown) => {
        const { code, message } = asSkeinError(thrown)
        span.set({ 'skein.attempts': call.attempts.length })
        tellError(span, code, message)
        span.end()
        throw thrown
      },
    )
  }

export const recordAttempt: Layer = (_, next) => (call) => {
  if (call.span === undefined) return next(call)
  const { attempt } = call
  const span = call.span.child(methodName(sentRequest(call).method), 'client')
  attempt.span = span
  span.set(attemptAttributes(call, attempt.candidate!))
  return next(call).then(
    (response) => {
      tellStatus(span, response.status, ERRORS_FROM.client, header(response.headers, ERROR_HEADER))
      span.end()
      return response
    },
    (thrown) => {
      const { code, message } = asSkeinError(thrown)
      if (attempt.outpaced) span.set({ 'skein.outpaced': true })
      else tellError(span, code, message)
      span.end()
      throw thrown
    },
  )
}

function attemptAttributes(call: Call, { id, instance, protocol }: Candidate): Attributes {
  const { attempt, policy } = call
  const { method, path } = sentRequest(call)
  const spoken = policy.protocol ?? protocol
  const scheme = spoken === 'h2' ? 'https' : 'http'
  return {
    ...methodAttributes(method),
    'server.address': instance.address,
    'server.port': instance.port,
    'url.full': urlOf(`${scheme}://${authority(instance.address, instance.port)}`, path),
    'http.request.resend_count': attempt.number > 1 ? attempt.number - 1 : undefined,
    'skein.service': call.request.service,
    'skein.instance': id,
    'skein.zone': instance.meta['zone'],
    'skein.hedge': attempt.hedge || undefined,
  }
}
