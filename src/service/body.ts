/** A request's body as text, within its limit. */
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { SkeinError } from '../core/errors.ts'
import { header } from '../core/headers.ts'
import type { Exchange } from './exchange.ts'

/** Strict on purpose: what others read as another type than we do is how filters are passed by. */
const JSON_TYPE = /^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?[ \t]*$/i

/** Undefined when the request has no body, or an empty one. */
export async function readBody(exchange: Exchange, maxBytes: number): Promise<string | undefined> {
  const { request } = exchange
  const length = request.headers['content-length']
  if (length === '0' || (length === undefined && request.headers['transfer-encoding'] === undefined)) return undefined
  checkType(request)
  if (Number(length) > maxBytes) throw tooLarge(maxBytes)
  const bytes = await collect(exchange, maxBytes)
  if (!isUtf8(bytes)) throw new SkeinError('BAD_REQUEST', 'the body is not UTF-8')
  return bytes.length === 0 ? undefined : bytes.toString()
}

function checkType({ rawHeaders }: IncomingMessage): void {
  const type = header(rawHeaders, 'content-type')
  const coding = header(rawHeaders, 'content-encoding')
  if (type !== undefined && JSON_TYPE.test(type) && (coding === undefined || coding === 'identity')) return
  const got = coding === undefined ? (type ?? 'nothing') : `${type} in ${coding}`
  throw new SkeinError(
    'UNSUPPORTED_MEDIA_TYPE',
    `the body must be application/json, uncompressed; it is said to be ${got}`,
  )
}

/** Stops taking bytes at the limit: the rest stays unread, and the connection is closed after the answer. */
function collect({ request, signal }: Exchange, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) stop(tooLarge(maxBytes))
      else chunks.push(chunk)
    }
    const onEnd = () => {
      forget()
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
    }
    const stop = (reason: unknown) => {
      forget()
      request.pause()
      reject(reason)
    }
    const onAbort = () => stop(signal.reason)
    const onError = () => stop(new SkeinError('CANCELLED', 'the caller broke off in the middle of the body'))
    const forget = () => {
      request.off('data', onData).off('end', onEnd)
      signal.removeEventListener('abort', onAbort)
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    // The error listener stays: a request that fails later must not become an uncaught error.
    request.on('data', onData).on('end', onEnd).on('error', onError)
  })
}

function tooLarge(maxBytes: number): SkeinError {
  return new SkeinError('BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes`, { maxBytes })
}
