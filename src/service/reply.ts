/** Answers in JSON, and what errors look like as answers. */
import { ERROR_HEADER } from '../client/headers.ts'
import { SkeinError } from '../core/errors.ts'
import type { Exchange, Reply } from './exchange.ts'
import { OperationFailure } from './failure.ts'

export function jsonReply(status: number, value: unknown, headers: readonly string[] = []): Reply {
  return { status, headers: ['content-type', 'application/json', ...headers], body: JSON.stringify(value) }
}

/** The answer for whatever was thrown. What nobody expected is logged with its stack, and told as INTERNAL. */
export function errorReply(exchange: Exchange, thrown: unknown): Reply {
  try {
    return replyTo(exchange, thrown)
  } catch (unwritable) {
    // Details that are no JSON: a BigInt, an object that holds itself. The plain INTERNAL has none of them.
    return replyTo(exchange, new Error('the details of an error are no JSON', { cause: unwritable }))
  }
}

function replyTo(exchange: Exchange, thrown: unknown): Reply {
  if (thrown instanceof OperationFailure) {
    exchange.code = thrown.code
    return jsonReply(thrown.status, thrown.toBody())
  }
  const error = thrown instanceof SkeinError ? thrown : internal(exchange, thrown)
  exchange.code = error.code
  const body = error.toBody()
  body.error['requestId'] = exchange.requestId
  const { allow } = error.details
  const extra = Array.isArray(allow) ? ['allow', allow.join(', ')] : []
  // The least that can be said: a second, in which a crowd of 5 ms is long over.
  if (error.code === 'OVERLOADED') extra.push('retry-after', '1')
  return jsonReply(error.kind.status, body, [ERROR_HEADER, error.code, ...extra])
}

function internal({ host, requestId, trace, operation }: Exchange, thrown: unknown): SkeinError {
  host.log.error({ err: thrown, requestId, traceId: trace.traceId, operation }, 'the handler threw')
  return new SkeinError('INTERNAL', `${host.name}: internal error`, { service: host.name }, thrown)
}
