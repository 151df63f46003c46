/** Writes what the steps below return or throw. */
import { Readable } from 'node:stream'
import type { Next } from '../../core/compose.ts'
import type { Exchange, Reply, ServiceStep } from '../exchange.ts'
import { errorReply } from '../reply.ts'

export const respond: ServiceStep = async (exchange, next) => {
  const reply = await answer(exchange, next)
  exchange.stopTimer()
  if (reply !== undefined) send(exchange, reply)
  return undefined
}

async function answer(exchange: Exchange, next: Next<Exchange, Reply | undefined>): Promise<Reply | undefined> {
  try {
    return await next(exchange)
  } catch (error) {
    return errorReply(exchange, error)
  }
}

function send(exchange: Exchange, reply: Reply): void {
  const { inbound, host } = exchange
  if (inbound.answered) return void tooLate(exchange, reply)
  // A body that was not read to its end (too large, or nobody asked for it) would be taken for the next request; and a
  // draining instance lets go of its connections one by one.
  if (!inbound.complete || host.phase !== 'serving') inbound.closeAfter()
  try {
    write(exchange, reply)
  } catch (error) {
    // A field of the app's own that cannot stand in a head.
    if (inbound.answered) throw error
    write(exchange, errorReply(exchange, error))
  }
}

function write(exchange: Exchange, { status, headers, body }: Reply): void {
  const { inbound, host, requestId } = exchange
  const fields = [...headers, 'x-request-id', requestId]
  if (!(body instanceof Readable)) return void inbound.send(status, fields, body)
  inbound.stream(status, fields, body, (err) => {
    exchange.brokeOff = true
    host.log.error({ err, requestId }, 'the answer broke off')
  })
}

/** The caller has gone, or an app that answers by itself failed in the middle of its answer: that must not be taken for whole. */
function tooLate({ inbound }: Exchange, { body }: Reply): void {
  if (body instanceof Readable) body.destroy()
  if (inbound.node?.response.writableEnded !== true) inbound.reset()
}
