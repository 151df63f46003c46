/** Writing answers to the client: an upstream's, or our own for an error. */
import { statusInHead } from '../client/grpc.ts'
import { ERROR_HEADER } from '../client/headers.ts'
import { SkeinError } from '../core/errors.ts'
import { header, type RawHeaders } from '../core/headers.ts'
import { httpDate } from '../core/http-date.ts'
import type { Timed, Timeouts } from '../core/timeouts.ts'
import type { BodySource, Done } from '../wire/body.ts'
import { CHUNKED, type Framing } from '../wire/contract.ts'
import { responseHead } from '../wire/write.ts'
import { responseHeaders } from './end-to-end.ts'
import type { Exchange, Parts, Reply, UpstreamAnswer } from './exchange.ts'
import { errorOfStatus, grpcError } from './grpc.ts'
import { METHODS } from './head.ts'
import { IdleTimer } from './idle.ts'
import { publicBody } from './public-error.ts'
import { ReplayBody } from './replay-body.ts'

/**
 * Sends an upstream's answer on. Over when the last byte is handed to the client's socket: at once, as most are, or when the
 * promise resolves.
 * @throws what broke it off: then the head is out and the client's socket must be reset.
 */
export function sendAnswer(
  exchange: Exchange,
  { status, headers, source }: UpstreamAnswer,
  parts: Parts,
): void | Promise<void> {
  const { wire, failure } = exchange
  if (failure !== undefined) {
    source.drop(failure)
    throw failure
  }
  exchange.status = status
  const fields = answerHeaders(exchange, responseHeaders(headers), parts)
  if (exchange.grpc !== undefined) return sendGrpcAnswer(exchange, { status, headers, source }, fields, parts)
  if (source.complete && exchange.head.method !== 'HEAD') {
    const body = source.whole()
    exchange.bytes = body.length
    wire.send(status, fields, body, source.loan?.())
    return wire.done ? undefined : handedOver(exchange, parts)
  }
  // Trailers are sent on where they were announced: to wait for them costs HTTP/2 a turn.
  wire.begin(status, fields, framingOf(headers), header(headers, 'trailer') !== undefined)
  return relayed(exchange, source, parts)
}

async function relayed(exchange: Exchange, source: BodySource, parts: Parts): Promise<void> {
  const { wire } = exchange
  wire.end(await relay(exchange, source, parts))
  if (!wire.done) await handedOver(exchange, parts)
}

/** The status of a call stands in its trailers; where there is nothing else, they stand in the place of the head. */
async function sendGrpcAnswer(
  exchange: Exchange,
  { status, headers, source }: { status: number; headers: RawHeaders; source: BodySource },
  fields: string[],
  parts: Parts,
): Promise<void> {
  const { wire, body } = exchange
  if (body instanceof ReplayBody) body.settle()
  exchange.grpcStatus = statusInHead(headers)
  if (exchange.grpcStatus !== undefined && source.complete) wire.send(status, fields, undefined)
  else {
    wire.begin(status, fields, CHUNKED, true)
    const trailers = await relay(exchange, source, parts)
    exchange.grpcStatus ??= statusInHead(trailers)
    wire.end(trailers)
  }
  if (!wire.done) await handedOver(exchange, parts)
}

/** The engine has checked the length while it read the head, and checks it again while the body passes. */
function framingOf(headers: RawHeaders): Framing {
  const length = header(headers, 'content-length')
  return length === undefined ? CHUNKED : Number(length)
}

/** Sends our own answer for `error`; where an answer has begun, or nobody waits for one, ends the connection instead. */
export async function sendError(exchange: Exchange, error: SkeinError, parts: Parts): Promise<void> {
  const { wire } = exchange
  if (exchange.grpc !== undefined && error.code !== 'CANCELLED') return sendGrpcError(exchange, error, parts)
  if (wire.answered) return void wire.reset()
  exchange.status = error.kind.status
  if (error.code === 'CANCELLED') return void wire.reset()
  const body = publicBody(error, exchange.service, exchange.requestId)
  await sendReply(exchange, { status: error.kind.status, headers: errorHeaders(error), body }, parts)
}

/** Also where an answer has begun: its trailers say that it is not the whole of it. */
async function sendGrpcError(exchange: Exchange, error: SkeinError, parts: Parts): Promise<void> {
  const { wire } = exchange
  const [status, trailers] = grpcError(error, exchange.service)
  exchange.grpcStatus = status
  if (!wire.answered) {
    exchange.status = 200
    const fields = [...trailers, ERROR_HEADER, error.code]
    wire.send(200, answerHeaders(exchange, ['content-type', 'application/grpc', ...fields], parts), undefined)
  } else wire.end(trailers)
  if (!wire.done) await handedOver(exchange, parts)
}

/** Sends an answer of our own. */
export async function sendReply(exchange: Exchange, { status, headers, body }: Reply, parts: Parts): Promise<void> {
  if (exchange.grpc !== undefined && status !== 200) return sendGrpcError(exchange, errorOfStatus(status), parts)
  exchange.status = status
  exchange.bytes = Buffer.byteLength(body)
  exchange.wire.send(status, answerHeaders(exchange, [...headers], parts), body)
  if (!exchange.wire.done) await handedOver(exchange, parts)
}

function errorHeaders(error: SkeinError): string[] {
  const headers = ['content-type', 'application/json', ERROR_HEADER, error.code]
  if (error.kind.status === 503) headers.push('retry-after', '1')
  if (error.code === 'METHOD_NOT_ALLOWED') headers.push('allow', [...METHODS].join(', '))
  return headers
}

/** RFC 9110 §6.6.1: an answer without a Date gets one where it is received. */
function answerHeaders(exchange: Exchange, fields: string[], { clock }: Parts): string[] {
  const headers = exchange.editedAnswer(fields)
  headers.push('x-request-id', exchange.requestId)
  if (header(headers, 'date') === undefined) headers.push('date', httpDate(clock))
  return headers
}

/**
 * Chunks as they come, held back while the client's socket is full. When the upstream breaks off, the client's connection must
 * be reset and not ended, or a truncated body would pass for a whole one: so this rejects.
 */
function relay(exchange: Exchange, source: BodySource, { clock, limits }: Parts): Promise<RawHeaders> {
  const { wire, grpc } = exchange
  // Who reads a stream of messages may take as long over one as its sender may.
  const stallMs = grpc === undefined ? limits.bodyIdleMs : limits.tunnelIdleMs
  return new Promise((resolve, reject) => {
    let stalled: IdleTimer | undefined
    const stop = () => {
      stalled?.cancel()
      exchange.onDrained = undefined
      exchange.cancel.remove(end)
    }
    const fail = (error: Error) => {
      stop()
      source.drop(error)
      reject(error)
    }
    exchange.onDrained = () => {
      stalled?.cancel()
      source.resume()
    }
    const end = { cancelled: fail }
    exchange.cancel.add(end)
    const pass = (bytes: Uint8Array, done?: Done) => {
      exchange.bytes += bytes.length
      exchange.idle?.touch()
      if (wire.write(bytes, done)) return
      source.pause()
      stalled = new IdleTimer(clock, stallMs, () => exchange.fail(stoppedReading()))
    }
    source.read({
      chunk: pass,
      lend: pass,
      end(trailers) {
        stop()
        resolve(trailers)
      },
      fail,
    })
  })
}

function stoppedReading(): SkeinError {
  return new SkeinError('CANCELLED', 'the client stopped reading', { reason: 'client_stalled' })
}

/**
 * Waits until the system has taken the last byte: only then may a closing gateway close the socket. What is left by then
 * fits into the socket's buffer, so a client that does not take it within one pause has stopped reading. Never rejects.
 */
function handedOver(exchange: Exchange, parts: Parts): Promise<void> {
  return new Promise((resolve) => new HandingOver(exchange, parts, resolve).begin())
}

/** A class and no closures: those of a request kept all of it from the young generation's collector. */
class HandingOver implements Timed {
  place = -1
  readonly dueAt: number
  readonly #exchange: Exchange
  readonly #timeouts: Timeouts
  readonly #resolve: () => void

  constructor(exchange: Exchange, { clock, timeouts, limits }: Parts, resolve: () => void) {
    this.dueAt = clock.monotonic() + limits.bodyIdleMs
    this.#exchange = exchange
    this.#timeouts = timeouts
    this.#resolve = resolve
  }

  begin(): void {
    if (this.#exchange.isGone) return void this.over()
    this.#timeouts.add(this)
    this.#exchange.ending = this
  }

  expired(): void {
    this.#exchange.fail(stoppedReading())
    this.#exchange.wire.reset()
  }

  over(): void {
    const exchange = this.#exchange
    this.#timeouts.delete(this)
    if (!exchange.wire.done) exchange.error ??= exchange.failure
    this.#resolve()
  }
}

/** An answer where there is no request that could be answered: head and body as text. */
export function bareAnswer(error: SkeinError, requestId: string): string {
  const { status, headers: fields, body } = bareReply(error, requestId)
  const control = `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n`
  return responseHead(status, fields, control) + body
}

export function bareReply(error: SkeinError, requestId: string): Reply {
  const body = publicBody(error, undefined, requestId)
  return { status: error.kind.status, headers: [...errorHeaders(error), 'x-request-id', requestId], body }
}
