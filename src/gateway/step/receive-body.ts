import type { Next, Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import type { BodySource } from '../../wire/body.ts'
import { CHUNKED } from '../../wire/contract.ts'
import { readAll } from '../../wire/incoming.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { MeteredBody } from '../metered-body.ts'
import { ReplayBody } from '../replay-body.ts'

/**
 * Takes the request's body: refuses one that is announced too long, reads a small one, hands on a large one as it comes.
 * A small one is read first because a whole body can be sent again to another instance, and because a slow client then
 * takes up nothing behind the gateway.
 */
export function receiveBody(parts: Parts): Step<Exchange, void> {
  return (exchange, next) => {
    const { body } = exchange.wire
    if (body === undefined) return next(exchange)
    if (exchange.grpc !== undefined) return receiveMessages(exchange, body, next, parts)
    return body.complete ? receiveWhole(exchange, body, next, parts) : receive(exchange, body, next, parts)
  }
}

/** What came with its head, as small bodies mostly do. */
function receiveWhole(exchange: Exchange, body: BodySource, next: Next<Exchange, void>, parts: Parts): Promise<void> {
  const max = maxOf(exchange, parts)
  if (exchange.head.framing > max) return Promise.reject(tooLarge(max))
  const whole = body.whole()
  if (whole.length > max) return Promise.reject(tooLarge(max))
  exchange.body = whole
  return next(exchange)
}

function maxOf({ route }: Exchange, { limits }: Parts): number {
  return route!.config.maxBodyBytes ?? limits.bodyBytes
}

/**
 * The messages of a gRPC call: as they come, for as long as it takes. A call may be sent again elsewhere while all that was sent of
 * it is still known: most are one small message, whose end the client only tells behind it.
 */
async function receiveMessages(exchange: Exchange, body: BodySource, next: Next<Exchange, void>, parts: Parts) {
  const metered = meter(exchange, body, exchange.route!.config.maxBodyBytes ?? Number.POSITIVE_INFINITY, false, parts)
  const replay = new ReplayBody(metered, parts.limits.repeatableBytes, () => exchange.idle?.touch())
  exchange.body = replay
  try {
    return await next(exchange)
  } finally {
    replay.close()
  }
}

async function receive(exchange: Exchange, body: BodySource, next: Next<Exchange, void>, parts: Parts): Promise<void> {
  const { framing } = exchange.head
  const max = maxOf(exchange, parts)
  if (framing > max) throw tooLarge(max)
  if (exchange.head.expect !== undefined) exchange.wire.sendContinue()
  if (framing !== CHUNKED) exchange.bodyLength = framing
  const small = framing !== CHUNKED && framing <= parts.limits.repeatableBytes
  const metered = meter(exchange, body, max, small, parts)
  try {
    exchange.body = small ? await readSmall(metered, exchange) : metered
    return await next(exchange)
  } finally {
    // Nobody may have read it: then its timer would run for ever.
    metered.close()
  }
}

async function readSmall(body: BodySource, exchange: Exchange): Promise<Uint8Array> {
  const bytes = await readAll(body)
  if (exchange.failure !== undefined) throw exchange.failure
  return bytes
}

function tooLarge(max: number): SkeinError {
  return new SkeinError('BODY_TOO_LARGE', `the body is longer than ${max} bytes`, { reason: 'body_too_large', max })
}

/**
 * A small body has the time of one pause in all, or a byte every now and then could hold a connection for weeks; a large one
 * is bounded by the deadline of its call.
 */
function meter(exchange: Exchange, body: BodySource, max: number, small: boolean, parts: Parts): MeteredBody {
  const { clock, limits } = parts
  return new MeteredBody(body, {
    clock,
    max,
    // The silence of a gRPC call is that of both directions (step/forward.ts).
    idleMs: exchange.grpc === undefined ? limits.bodyIdleMs : undefined,
    pausesCount: !small,
    onTooLong: () => exchange.fail(tooLarge(max)),
    onIdle: () => exchange.fail(new SkeinError('REQUEST_TIMEOUT', 'the body stopped coming', { reason: 'body_idle' })),
    cancel: exchange.cancel,
  })
}
