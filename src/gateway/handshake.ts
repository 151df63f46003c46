/** The upstream half of a WebSocket: an instance is leased, connected to, and must agree to the upgrade. */
import { createHash, randomBytes } from 'node:crypto'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Attempt, Lease } from '../client/contract.ts'
import { authority } from '../core/authority.ts'
import { SkeinError } from '../core/errors.ts'
import { header } from '../core/headers.ts'
import type { Instance } from '../discovery/contract.ts'
import { formatTraceparent } from '../telemetry/trace.ts'
import type { Exchange, Parts } from './exchange.ts'
import { asPartOf, outboundHashKey, outboundHeaders, outboundPath } from './outbound.ts'

/** What the instance answered: a socket when it agreed, only the answer when it did not. */
export interface Handshake {
  readonly lease: Lease
  readonly answer: IncomingMessage
  readonly agreed: { readonly socket: Socket; readonly head: Buffer } | undefined
}

export const KEY = 'sec-websocket-key'

/** Attempts where the route does not say. */
const ATTEMPTS = 3

/**
 * Connects to one instance after the other until one accepts the connection, and asks that one. Once asked, none other
 * is: the instance may have begun something.
 * @throws SkeinError NO_INSTANCES, UNREACHABLE, UPSTREAM_FAILED, DEADLINE_EXCEEDED
 */
export async function openUpstream(exchange: Exchange, parts: Parts): Promise<Handshake> {
  const tried: string[] = []
  const attempts: Attempt[] = []
  for (let left = exchange.route!.policy.attempts ?? ATTEMPTS; left > 0; left--) {
    const lease = await nextLease(exchange, parts, tried, attempts)
    const startedAt = parts.clock.monotonic()
    const note = (outcome: number | string) => noteAttempt(exchange, attempts, lease, outcome, startedAt, parts)
    const socket = await dial(lease, exchange, parts, note)
    if (socket === undefined) tried.push(lease.instance.id)
    else return await ask(exchange, parts, lease, socket, note)
  }
  throw unreachable(exchange, attempts)
}

async function nextLease(
  exchange: Exchange,
  { caller }: Parts,
  tried: readonly string[],
  attempts: readonly Attempt[],
): Promise<Lease> {
  const { service, route } = exchange
  const wanted = { service: service!, hashKey: outboundHashKey(exchange), policy: route!.policy }
  try {
    return await asPartOf(exchange, () => caller.lease(wanted, tried))
  } catch (error) {
    throw attempts.length > 0 ? unreachable(exchange, attempts, error) : error
  }
}

function noteAttempt(
  exchange: Exchange,
  attempts: Attempt[],
  { instance }: Lease,
  outcome: number | string,
  startedAt: number,
  { clock }: Parts,
): void {
  const address = authority(instance.address, instance.port)
  attempts.push({ instance: instance.id, address, outcome, durationMs: clock.monotonic() - startedAt })
  exchange.instance = instance.id
  exchange.attempts = attempts
}

function unreachable(exchange: Exchange, attempts: readonly Attempt[], cause?: unknown): SkeinError {
  const { service } = exchange
  return new SkeinError(
    'UNREACHABLE',
    `no instance of "${service}" accepted a connection`,
    { service, attempts },
    cause,
  )
}

/** A connection to the leased instance; where it comes to none, the lease is given back as failed. */
async function dial(
  lease: Lease,
  exchange: Exchange,
  parts: Parts,
  note: (outcome: string) => void,
): Promise<Socket | undefined> {
  try {
    return await connected(lease.instance, exchange.signal, parts)
  } catch (error) {
    lease.release(exchange.failure === undefined)
    if (exchange.failure !== undefined) throw exchange.failure
    note((error as NodeJS.ErrnoException).code ?? 'CONNECT_FAILED')
    return undefined
  }
}

function connected({ address, port }: Instance, signal: AbortSignal, { clock, limits }: Parts): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true, keepAlive: true })
    const timer = clock.after(limits.tunnelConnectMs, () => socket.destroy(timedOut('CONNECT_TIMEOUT')))
    const abort = () => socket.destroy(signal.reason)
    const settle = () => {
      timer.cancel()
      signal.removeEventListener('abort', abort)
    }
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    socket.once('error', (error) => {
      settle()
      reject(error)
    })
    socket.once('connect', () => {
      settle()
      resolve(socket)
    })
  })
}

function timedOut(code: string): Error {
  return Object.assign(new Error('no connection in time'), { code })
}

/** Sends the handshake and judges the answer. */
async function ask(
  exchange: Exchange,
  parts: Parts,
  lease: Lease,
  socket: Socket,
  note: (outcome: number | string) => void,
): Promise<Handshake> {
  try {
    const key = header(exchange.head.headers, KEY) ?? randomBytes(16).toString('base64')
    const { answer, head } = await exchangeHeads(exchange, parts, lease, socket, key)
    note(answer.statusCode!)
    if (head === undefined && isRefusal(answer)) return { lease, answer, agreed: undefined }
    if (head === undefined || !agrees(key, answer)) throw failed(exchange, 'websocket_accept')
    return { lease, answer, agreed: { socket, head } }
  } catch (error) {
    socket.destroy()
    lease.release(exchange.failure === undefined)
    throw exchange.failure ?? (error instanceof SkeinError ? error : failed(exchange, 'websocket_broken', error))
  }
}

function failed(exchange: Exchange, reason: string, cause?: unknown): SkeinError {
  const details = { service: exchange.service, reason, attempts: exchange.attempts }
  return new SkeinError('UPSTREAM_FAILED', 'the WebSocket handshake failed', details, cause)
}

interface Heads {
  readonly answer: IncomingMessage
  /** What came behind the head of a 101; undefined for every other status. */
  readonly head: Buffer | undefined
}

function exchangeHeads(exchange: Exchange, parts: Parts, lease: Lease, socket: Socket, key: string): Promise<Heads> {
  return new Promise((resolve, reject) => {
    const { signal } = exchange
    const asking = request({
      createConnection: () => socket,
      method: 'GET',
      path: outboundPath(exchange),
      headers: handshakeHeaders(exchange, lease, key),
    })
    const timer = parts.clock.after(parts.limits.tunnelAnswerMs, () => asking.destroy(tooLate(exchange)))
    const abort = () => asking.destroy(exchange.failure)
    const settle = (run: () => void) => {
      timer.cancel()
      signal.removeEventListener('abort', abort)
      run()
    }
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    asking.on('error', (error) => settle(() => reject(error)))
    asking.once('upgrade', (answer, _socket, head) => settle(() => resolve({ answer, head })))
    asking.once('response', (answer) => settle(() => resolve({ answer, head: undefined })))
    asking.end()
  })
}

function tooLate(exchange: Exchange): SkeinError {
  const { service } = exchange
  return new SkeinError('DEADLINE_EXCEEDED', 'no answer to the WebSocket handshake', { service })
}

function handshakeHeaders(exchange: Exchange, { instance }: Lease, key: string): string[] {
  const headers = outboundHeaders(exchange)
  // HTTP/2 has none (RFC 8441 §5).
  if (header(headers, KEY) === undefined) headers.push(KEY, key)
  if (header(headers, 'host') === undefined) headers.push('host', authority(instance.address, instance.port))
  headers.push('connection', 'Upgrade', 'upgrade', 'websocket')
  headers.push('x-request-id', exchange.requestId, 'traceparent', formatTraceparent(exchange.trace!))
  if (exchange.trace!.traceState !== undefined) headers.push('tracestate', exchange.trace!.traceState)
  return headers
}

/** A 101 that names no protocol would leave the client in one that nobody speaks. */
function isRefusal({ statusCode }: IncomingMessage): boolean {
  return statusCode! >= 200 && statusCode! <= 599
}

/** RFC 6455 §4.1: the proof that the other side speaks WebSocket and answers this very handshake. */
function agrees(key: string, { headers }: IncomingMessage): boolean {
  const proof = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  return headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-accept'] === proof
}
