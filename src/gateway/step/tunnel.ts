import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import { fromReadable } from '../../wire/incoming.ts'
import { reset } from '../../wire/reset.ts'
import { sendAnswer } from '../answer.ts'
import { responseHeaders } from '../end-to-end.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { openUpstream } from '../handshake.ts'
import { IdleTimer } from '../idle.ts'

/** Joins client and instance by a WebSocket, where the route allows it, and resolves when it has closed. */
export function tunnel(parts: Parts): (exchange: Exchange) => Promise<void> {
  return async (exchange) => {
    refuseUnlessAllowed(exchange)
    const { lease, answer, agreed } = await openUpstream(exchange, parts)
    try {
      if (agreed === undefined) await passRefusal(exchange, answer, parts)
      else await join(exchange, answer, agreed, parts)
    } finally {
      lease.release()
    }
  }
}

function refuseUnlessAllowed({ route, head }: Exchange): void {
  if (route!.config.websocket !== true) {
    throw new SkeinError('BAD_REQUEST', 'no WebSocket is let in here', { reason: 'websocket_not_allowed' })
  }
  const key = header(head.headers, 'sec-websocket-key') ?? ''
  if (head.method === 'GET' && head.version === '1.1' && /^[A-Za-z0-9+/]{22}==$/.test(key)) return
  throw new SkeinError('BAD_REQUEST', 'this is no WebSocket handshake', { reason: 'websocket_handshake' })
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
  const { socket: client, head } = exchange.wire.takeOver()
  exchange.status = 101
  const open = metrics.tunnels.with(exchange.route!.name)
  open.value++
  try {
    client.write(switchingHead(exchange, answer), 'latin1')
    if (upstream.head.length > 0) client.write(upstream.head)
    if (head.length > 0) upstream.socket.write(head)
    await splice(client, upstream.socket, (run) => new IdleTimer(clock, limits.tunnelIdleMs, run), exchange.signal)
  } finally {
    open.value--
    exchange.bytes = client.bytesWritten
  }
}

function switchingHead(exchange: Exchange, answer: IncomingMessage): string {
  const fields = ['upgrade', 'websocket', 'connection', 'Upgrade', ...responseHeaders(answer.rawHeaders)]
  fields.push('x-request-id', exchange.requestId)
  let text = 'HTTP/1.1 101 Switching Protocols\r\n'
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`
  return `${text}\r\n`
}

/**
 * Bytes both ways, unread, until both sockets have closed. An end on one side is passed on as an end (half-close), a
 * reset or silence as a reset.
 */
function splice(
  client: Socket,
  upstream: Socket,
  idleTimer: (run: () => void) => IdleTimer,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const resetBoth = () => {
      reset(client)
      reset(upstream)
    }
    const idle = idleTimer(resetBoth)
    let open = 2
    const closed = (other: Socket) => {
      if (!other.writableEnded) reset(other)
      if (--open > 0) return
      idle.cancel()
      signal.removeEventListener('abort', resetBoth)
      resolve()
    }
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      from.on('error', resetBoth)
      from.on('data', () => idle.touch())
      from.pipe(to)
      if (from.closed) closed(to)
      else from.once('close', () => closed(to))
    }
    signal.addEventListener('abort', resetBoth, { once: true })
    if (signal.aborted) resetBoth()
  })
}
