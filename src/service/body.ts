/** A request's body as text, within its limits. */
import { isUtf8 } from 'node:buffer'
import { asBuffer } from '../core/bytes.ts'
import { SkeinError } from '../core/errors.ts'
import { header, type RawHeaders } from '../core/headers.ts'
import type { BodySource } from '../wire/body.ts'
import { WireError } from '../wire/wire-error.ts'
import type { Exchange } from './exchange.ts'

/** For the whole request to arrive, ms. */
export const REQUEST_TIMEOUT_MS = 30_000

/** Strict on purpose: what others read as another type than we do is how filters are passed by. */
const JSON_TYPE = /^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?[ \t]*$/i

/** Undefined when the request has no body, or an empty one. */
export async function readBody(exchange: Exchange, maxBytes: number): Promise<string | undefined> {
  const { inbound } = exchange
  if (inbound.framing === 0) return undefined
  checkType(inbound.headers)
  if (inbound.framing > maxBytes) throw tooLarge(maxBytes)
  const body = inbound.receive()!
  const bytes = body.complete ? body.whole() : await collect(exchange, body, maxBytes)
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)
  if (!isUtf8(bytes)) throw new SkeinError('BAD_REQUEST', 'the body is not UTF-8')
  return bytes.length === 0 ? undefined : asBuffer(bytes).toString()
}

function checkType(headers: RawHeaders): void {
  const type = header(headers, 'content-type')
  const coding = header(headers, 'content-encoding')
  if (type !== undefined && JSON_TYPE.test(type) && (coding === undefined || coding === 'identity')) return
  const got = coding === undefined ? (type ?? 'nothing') : `${type} in ${coding}`
  throw new SkeinError(
    'UNSUPPORTED_MEDIA_TYPE',
    `the body must be application/json, uncompressed; it is said to be ${got}`,
  )
}

/** Stops taking bytes at the limit: the rest stays unread, and the connection is closed after the answer. */
function collect({ host, cancel, startedAt }: Exchange, body: BodySource, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (cancel.reason !== undefined) return reject(cancel.reason)
    const chunks: Uint8Array[] = []
    let size = 0
    let over = false
    const settle = (act: () => void) => {
      if (over) return
      over = true
      timer.cancel()
      forget()
      act()
    }
    const stop = (reason: unknown) =>
      settle(() => {
        body.pause()
        reject(reason)
      })
    const left = REQUEST_TIMEOUT_MS - (host.clock.monotonic() - startedAt)
    const timer = host.clock.after(left, () =>
      stop(new SkeinError('REQUEST_TIMEOUT', 'the request did not arrive in time')),
    )
    const forget = cancel.on(stop)
    body.read({
      chunk(bytes) {
        size += bytes.length
        if (size > maxBytes) stop(tooLarge(maxBytes))
        else chunks.push(bytes)
      },
      end: () => settle(() => resolve(Buffer.concat(chunks))),
      fail: (error) => settle(() => reject(broken(error))),
    })
  })
}

function broken(error: Error): SkeinError {
  if (error instanceof WireError) return new SkeinError('BAD_REQUEST', error.message, { reason: error.reason })
  return new SkeinError('CANCELLED', 'the caller broke off in the middle of the body', {}, error)
}

function tooLarge(maxBytes: number): SkeinError {
  return new SkeinError('BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes`, { maxBytes })
}
