/** Writing answers to the client: an upstream's, or our own for an error. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { ERROR_HEADER } from '../client/headers.ts'
import { SkeinError } from '../core/errors.ts'
import { header, type RawHeaders } from '../core/headers.ts'
import { responseHeaders } from './end-to-end.ts'
import type { Exchange, Parts, Reply } from './exchange.ts'
import { METHODS } from './head.ts'
import { IdleTimer } from './idle.ts'
import { publicBody } from './public-error.ts'

/**
 * Sends `head` and `body` on, and resolves when the last byte is handed to the client's socket.
 * @throws what broke it off: then the head is out and the client's socket must be reset.
 */
export async function sendAnswer(
  exchange: Exchange,
  { status, headers, body }: { status: number; headers: RawHeaders; body: Readable },
  parts: Parts,
): Promise<void> {
  const { outgoing, failure } = exchange
  if (failure !== undefined) {
    body.destroy()
    throw failure
  }
  try {
    outgoing.writeHead(status, answerHeaders(exchange, responseHeaders(headers)))
  } catch (error) {
    body.destroy()
    throw new SkeinError('UPSTREAM_FAILED', 'the head of the answer is no HTTP', { reason: 'answer_head' }, error)
  }
  exchange.status = status
  await relay(exchange, body, parts)
  await finish(exchange, parts)
}

/** Sends our own answer for `error`; where an answer has begun, or nobody waits for one, ends the connection instead. */
export async function sendError(exchange: Exchange, error: SkeinError, parts: Parts): Promise<void> {
  const { outgoing, connection } = exchange
  if (outgoing.headersSent) return void connection.socket.resetAndDestroy()
  exchange.status = error.kind.status
  if (error.code === 'CANCELLED' || outgoing.destroyed) return void outgoing.destroy()
  const body = publicBody(error, exchange.service, exchange.requestId)
  await sendReply(exchange, { status: error.kind.status, headers: errorHeaders(error), body }, parts)
}

/** Sends an answer of our own. */
export async function sendReply(exchange: Exchange, { status, headers, body }: Reply, parts: Parts): Promise<void> {
  const { outgoing, head } = exchange
  exchange.status = status
  exchange.bytes = Buffer.byteLength(body)
  // RFC 9110 §8.6: 204 has no length.
  const fields = status === 204 ? [...headers] : [...headers, 'content-length', String(exchange.bytes)]
  outgoing.writeHead(status, answerHeaders(exchange, fields))
  if (head.method !== 'HEAD') outgoing.write(body)
  await finish(exchange, parts)
}

function errorHeaders(error: SkeinError): string[] {
  const headers = ['content-type', 'application/json', ERROR_HEADER, error.code]
  if (error.kind.status === 503) headers.push('retry-after', '1')
  if (error.code === 'METHOD_NOT_ALLOWED') headers.push('allow', [...METHODS].join(', '))
  return headers
}

function answerHeaders(exchange: Exchange, fields: string[]): string[] {
  const headers = exchange.editedAnswer(fields)
  headers.push('x-request-id', exchange.requestId)
  if (!isReusable(exchange)) headers.push('connection', 'close')
  return headers
}

/** Can the connection carry another request? Not while some of this one is still to come, nor after a refusal. */
function isReusable({ connection, incoming, upgrade, draining }: Exchange): boolean {
  return incoming.complete && upgrade === undefined && !connection.refused && !draining()
}

/**
 * Chunks as they come, held back while the client's socket is full. By hand, not `pipeline`: that would end the client's
 * socket in good order when the upstream breaks off, and a truncated body would pass for a whole one.
 */
function relay(exchange: Exchange, body: Readable, { clock, limits }: Parts): Promise<void> {
  const { outgoing, signal } = exchange
  return new Promise((resolve, reject) => {
    let stalled: IdleTimer | undefined
    const onDrain = () => {
      stalled?.cancel()
      body.resume()
    }
    const onAbort = () => settle(exchange.failure)
    const settle = (error?: unknown) => {
      stalled?.cancel()
      outgoing.off('drain', onDrain)
      signal.removeEventListener('abort', onAbort)
      if (error === undefined) return resolve()
      body.destroy()
      reject(error)
    }
    body.on('data', (chunk: Buffer) => {
      exchange.bytes += chunk.length
      if (outgoing.write(chunk)) return
      body.pause()
      stalled = new IdleTimer(clock, limits.bodyIdleMs, () => exchange.fail(stoppedReading()))
    })
    body.once('end', () => settle())
    body.once('error', settle)
    body.once('close', () => settle(body.readableEnded ? undefined : cutOff()))
    outgoing.on('drain', onDrain)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}

function stoppedReading(): SkeinError {
  return new SkeinError('CANCELLED', 'the client stopped reading', { reason: 'client_stalled' })
}

function cutOff(): SkeinError {
  return new SkeinError('UPSTREAM_FAILED', 'the answer broke off', { reason: 'answer_cut' })
}

/** Ends the answer, but before that lets an unfinished request come to its end, or a reset would overtake the answer. */
async function finish(exchange: Exchange, parts: Parts): Promise<void> {
  if (moreToCome(exchange)) await linger(exchange, parts)
  if (exchange.outgoing.destroyed) return
  exchange.outgoing.end()
  await handedOver(exchange, parts)
}

/**
 * Waits until the system has taken the last byte: only then may a closing gateway close the socket. What is left by then
 * fits into the socket's buffer, so a client that does not take it within one pause has stopped reading. Never rejects.
 */
function handedOver(exchange: Exchange, { clock, limits }: Parts): Promise<void> | undefined {
  const { outgoing, connection } = exchange
  if (outgoing.writableFinished) return undefined
  return new Promise((resolve) => {
    const timer = clock.after(limits.bodyIdleMs, () => {
      exchange.fail(stoppedReading())
      connection.socket.resetAndDestroy()
    })
    const done = () => {
      timer.cancel()
      if (!outgoing.writableFinished) exchange.error ??= exchange.failure
      resolve()
    }
    outgoing.once('finish', done).once('close', done)
  })
}

/** False also for a client that was never told to go on with its body, and for one whose request is no HTTP. */
function moreToCome({ incoming, upgrade, connection, head, continued }: Exchange): boolean {
  if (incoming.complete || incoming.destroyed || upgrade !== undefined || connection.refused) return false
  return continued || header(head.headers, 'expect') === undefined
}

/** Reads and drops what is left of the request, within bounds of bytes and time. */
function linger({ incoming }: Exchange, { clock, limits }: Parts): Promise<void> {
  return new Promise((resolve) => {
    let left = limits.lingerBytes
    const timer = clock.after(limits.lingerMs, done)
    function done() {
      timer.cancel()
      incoming.off('data', onData)
      resolve()
    }
    function onData(chunk: Buffer) {
      left -= chunk.length
      if (left < 0) done()
    }
    incoming.unpipe()
    incoming.on('data', onData).once('end', done).once('close', done).resume()
  })
}

/** An answer for what Node's parser refused, where there is no request to answer: written onto the bare socket. */
export function writeBareError(socket: Socket, error: SkeinError, requestId: string): void {
  const text = publicBody(error, undefined, requestId)
  const { status } = error.kind
  const fields = ['content-type: application/json', `content-length: ${Buffer.byteLength(text)}`]
  fields.push(`${ERROR_HEADER}: ${error.code}`, `x-request-id: ${requestId}`, 'connection: close')
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${fields.join('\r\n')}\r\n\r\n${text}`, () =>
    socket.destroy(),
  )
}
