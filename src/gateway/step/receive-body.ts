import type { IncomingMessage } from 'node:http'
import { Transform } from 'node:stream'
import type { Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { IdleTimer } from '../idle.ts'

/**
 * Takes the request's body: refuses one that is announced too long, reads a small one, hands on a large one as it comes.
 * A small one is read first because a whole body can be sent again to another instance, and because a slow client then
 * takes up nothing behind the gateway.
 */
export function receiveBody(parts: Parts): Step<Exchange, void> {
  return async (exchange, next) => {
    const length = announcedLength(exchange)
    if (length === 0) return next()
    const max = exchange.route!.config.maxBodyBytes ?? parts.limits.bodyBytes
    if (length > max && Number.isFinite(length)) throw tooLarge(max)
    letCome(exchange)
    const small = length <= parts.limits.repeatableBytes
    const metered = meter(exchange, max, small, parts)
    try {
      exchange.body = small ? await readWhole(metered, exchange) : metered
      exchange.bodyLength = Number.isFinite(length) ? length : undefined
      return await next()
    } finally {
      // Nobody may have read it: then its timer would run for ever.
      metered.destroy()
    }
  }
}

/** In bytes; Infinity for chunked. An upgrade has no body: what follows its head is for the tunnel. */
function announcedLength({ head, upgrade }: Exchange): number {
  if (upgrade !== undefined) return 0
  if (header(head.headers, 'transfer-encoding') !== undefined) return Number.POSITIVE_INFINITY
  return Number(header(head.headers, 'content-length') ?? 0)
}

function letCome(exchange: Exchange): void {
  const { headers, version } = exchange.head
  if (version === '1.1' && header(headers, 'expect') !== undefined) exchange.outgoing.writeContinue()
  exchange.continued = true
}

function tooLarge(max: number): SkeinError {
  return new SkeinError('BODY_TOO_LARGE', `the body is longer than ${max} bytes`, { reason: 'body_too_large', max })
}

/**
 * The body with its bytes counted and its pauses timed. `pipe`, not `pipeline`: when the upstream breaks off, the client's
 * socket must outlive its body to carry the answer. A small body has the time of one pause in all, or a byte every now and
 * then could hold a connection for weeks; a large one is bounded by the deadline of its call.
 */
function meter(exchange: Exchange, max: number, small: boolean, { clock, limits }: Parts): Transform {
  const { incoming } = exchange
  let total = 0
  const body = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (!small) idle.touch()
      total += chunk.length
      if (total <= max) return done(null, chunk)
      exchange.fail(tooLarge(max))
      done(exchange.failure)
    },
  })
  const idle = new IdleTimer(clock, limits.bodyIdleMs, onIdle)
  function onIdle(): void {
    // A client held back because the upstream is slow is not idle; the call's deadline bounds that.
    if (body.writableNeedDrain || body.writableEnded) return
    exchange.fail(new SkeinError('REQUEST_TIMEOUT', 'the body stopped coming', { reason: 'body_idle' }))
  }
  const abort = () => body.destroy(exchange.failure)
  exchange.signal.addEventListener('abort', abort, { once: true })
  // A pipelined request may have lost its client before its turn came.
  if (exchange.signal.aborted) abort()
  body.once('close', () => {
    idle.cancel()
    exchange.signal.removeEventListener('abort', abort)
  })
  // Whoever destroys the body knows why: `fail` keeps our reason, the caller rejects with its own. The listener is there
  // because an error that comes while nobody reads would end the process.
  body.on('error', () => undefined)
  onceCut(incoming, (cause) => {
    exchange.fail(new SkeinError('CANCELLED', 'the body broke off', { reason: 'body_broken' }, cause))
  })
  return incoming.pipe(body)
}

function onceCut(incoming: IncomingMessage, run: (cause?: unknown) => void): void {
  incoming.once('error', run)
  incoming.once('close', () => {
    if (!incoming.complete) run()
  })
}

async function readWhole(body: Transform, exchange: Exchange): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk as Buffer)
  if (exchange.failure !== undefined) throw exchange.failure
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}
