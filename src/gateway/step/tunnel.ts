import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { addAbortSignal, type Duplex } from 'node:stream'
import { withoutHeaders } from '../../core/headers.ts'
import { fromReadable } from '../../wire/incoming.ts'
import { reset } from '../../wire/reset.ts'
import { sendAnswer } from '../answer.ts'
import { responseHeaders } from '../end-to-end.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { openUpstream } from '../handshake.ts'
import { IdleTimer } from '../idle.ts'

/** Joins client and instance by a WebSocket, and resolves when it has closed. */
export function tunnel(parts: Parts): (exchange: Exchange) => Promise<void> {
  return async (exchange) => {
    const { lease, answer, agreed } = await openUpstream(exchange, parts)
    try {
      if (agreed === undefined) await passRefusal(exchange, answer, parts)
      else await join(exchange, answer, agreed, parts)
    } catch (error) {
      // The client's side may have gone before the two were joined.
      agreed?.socket.destroy()
      throw error
    } finally {
      lease.release()
    }
  }
}

/** The instance said no, in its own words. */
async function passRefusal(exchange: Exchange, answer: IncomingMessage, parts: Parts): Promise<void> {
  await sendAnswer(
    exchange,
    { status: answer.statusCode!, headers: answer.rawHeaders, source: fromReadable(answer) },
    parts,
  )
}

async function join(
  exchange: Exchange,
  answer: IncomingMessage,
  upstream: { readonly socket: Socket; readonly head: Buffer },
  { clock, limits, metrics }: Parts,
): Promise<void> {
  const fields = [...switchingFields(exchange, answer), 'x-request-id', exchange.requestId]
  const { stream: client, head } = exchange.wire.upgrade(fields)
  exchange.status = 101
  const open = metrics.tunnels.with(exchange.route!.name)
  open.value++
  try {
    if (upstream.head.length > 0) client.write(upstream.head)
    if (head.length > 0) upstream.socket.write(head)
    exchange.bytes = upstream.head.length
    await splice(exchange, client, upstream.socket, (run) => new IdleTimer(clock, limits.tunnelIdleMs, run))
  } finally {
    open.value--
  }
}

/** HTTP/2 has no proof of the handshake (RFC 8441 §5). */
function switchingFields({ head }: Exchange, answer: IncomingMessage): string[] {
  const fields = responseHeaders(answer.rawHeaders)
  return head.version === '2.0' ? withoutHeaders(fields, PROOF) : fields
}

const PROOF: ReadonlySet<string> = new Set(['sec-websocket-accept'])

/**
 * Bytes both ways, unread, until both sockets have closed. An end on one side is passed on as an end (half-close), a
 * reset or silence as a reset.
 */
function splice(
  exchange: Exchange,
  client: Duplex,
  upstream: Socket,
  idleTimer: (run: () => void) => IdleTimer,
): Promise<void> {
  const { signal } = exchange
  return new Promise((resolve) => {
    const resetBoth = () => {
      resetStream(client)
      reset(upstream)
    }
    const idle = idleTimer(resetBoth)
    let open = 2
    const closed = (other: Duplex) => {
      if (!other.writableEnded) resetStream(other)
      if (--open > 0) return
      idle.cancel()
      signal.removeEventListener('abort', resetBoth)
      resolve()
    }
    upstream.on('data', (bytes: Buffer) => {
      exchange.bytes += bytes.length
    })
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      from.on('error', resetBoth)
      from.on('data', () => idle.touch())
      from.pipe(to, { end: false })
      from.on('end', () => (isBroken(from) ? resetBoth() : to.end()))
      if (from.closed) closed(to)
      else from.once('close', () => closed(to))
    }
    signal.addEventListener('abort', resetBoth, { once: true })
    if (signal.aborted) resetBoth()
  })
}

/** node:http2 says `end` also of a stream that was reset. */
function isBroken(stream: Duplex): boolean {
  return 'rstCode' in stream && (stream.destroyed || stream.rstCode !== 0)
}

/** Of HTTP/2, CANCEL is what a reset of the connection is (RFC 8441 §5). */
function resetStream(stream: Duplex): void {
  if (stream instanceof Socket) reset(stream)
  else if (!stream.destroyed) addAbortSignal(ABORTED, stream)
}

const ABORTED = AbortSignal.abort()
