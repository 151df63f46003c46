/** Writes what the steps below return or throw. */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Exchange, Reply, ServiceStep } from '../exchange.ts'
import { errorReply } from '../reply.ts'

export const respond: ServiceStep = async (exchange, next) => {
  const reply = await answer(exchange, next)
  exchange.stopTimer()
  if (reply !== undefined) await send(exchange, reply)
  return undefined
}

async function answer(exchange: Exchange, next: () => Promise<Reply | undefined>): Promise<Reply | undefined> {
  try {
    return await next()
  } catch (error) {
    return errorReply(exchange, error)
  }
}

async function send(exchange: Exchange, reply: Reply): Promise<void> {
  const { response, request } = exchange
  if (response.destroyed || response.headersSent) return tooLate(response, reply)
  forgetHead(response)
  const headers = [...reply.headers, 'x-request-id', exchange.requestId]
  // A body that was not read to its end (too large, or nobody asked for it) would be taken for the next request; and a
  // draining instance lets go of its connections one by one.
  if (!request.complete || exchange.host.phase !== 'serving') headers.push('connection', 'close')
  if (reply.body instanceof Readable) await stream(exchange, reply, headers)
  else writeWhole(response, reply, headers)
}

/** What an adapted app had set before it failed: a length, coding or status line that is not of this answer. */
function forgetHead(response: ServerResponse): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.statusMessage = ''
}

function writeWhole(response: ServerResponse, { status, body }: Reply, headers: string[]): void {
  if (body !== undefined) headers.push('content-length', String(Buffer.byteLength(body as string)))
  response.writeHead(status, headers).end(body)
}

/** Nothing can be said any more once the head is out: a broken stream breaks the connection, so that it is not taken for whole. */
async function stream(exchange: Exchange, { status, body }: Reply, headers: string[]): Promise<void> {
  const { response, host, requestId } = exchange
  const source = body as Readable
  source.once('error', (err) => {
    exchange.brokeOff = true
    host.log.error({ err, requestId }, 'the answer broke off')
  })
  response.writeHead(status, headers)
  // Rejects for the same error, or because the caller has gone, which the access log tells.
  await pipeline(source, response).catch(() => {})
}

/** The caller has gone, or an app that answers by itself failed in the middle of its answer. */
function tooLate(response: ServerResponse, { body }: Reply): void {
  if (body instanceof Readable) body.destroy()
  if (!response.writableEnded) response.destroy()
}
