/** The HTTP endpoint that a watch of an agent tells: the state in the body, the index in X-Consul-Index. */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Clock } from '../../../core/clock.ts'
import { Failure } from '../../command.ts'
import type { HttpHandler } from '../config/watches.ts'
import type { Change } from './changes.ts'

/** Resolves with the body of an answer of 2xx. @throws Failure for any other, and for none in time. */
export async function postChange(
  handler: HttpHandler,
  change: Change,
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  const { url, method, timeoutMs } = handler
  const late = new AbortController()
  const timer = clock.after(timeoutMs, () => late.abort(new Error(`no answer within ${timeoutMs} ms`)))
  try {
    const { status, body } = await send(handler, change, AbortSignal.any([signal, late.signal]))
    if (status >= 200 && status <= 299) return body
    throw new Failure(`${method} ${url.href}: status ${status}: ${body}`)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`${method} ${url.href}: ${((late.signal.reason ?? error) as Error).message}`)
  } finally {
    timer.cancel()
  }
}

function send(
  { url, method, headers, anyCertificate }: HttpHandler,
  { index, json }: Change,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const own = { 'content-type': 'application/json', 'x-consul-index': index }
  return new Promise((resolve, reject) => {
    const sending = request(url, { method, agent: false, signal, rejectUnauthorized: !anyCertificate })
    for (const [name, value] of Object.entries({ ...own, ...headers })) sending.setHeader(name, value)
    sending.on('response', (answer: Readable & { statusCode?: number }) => {
      text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject)
    })
    sending.on('error', reject)
    sending.end(`${json}\n`)
  })
}
