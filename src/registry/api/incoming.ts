/** What is read off a request beside its target: encodings, the body. */
import type { Clock } from '../../core/clock.ts'
import type { ServerExchange } from '../../wire/contract.ts'
import { WireError } from '../../wire/wire-error.ts'
import { Refusal } from '../state/refusal.ts'

export function acceptsGzip(accepted: string | undefined): boolean {
  return accepted !== undefined && /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accepted)
}

/** A client that needs longer is none. */
const BODY_MS = 30_000
const NO_BODY = Buffer.alloc(0)

/** @throws Refusal 413 as soon as more than `maxBytes` are announced or have come; 408 when it has not come within 30 s. */
export async function readBody(
  exchange: ServerExchange,
  clock: Clock,
  maxBytes: number,
  tooLarge = (bytes: number) => `Request body(${bytes} bytes) too large, max size: ${maxBytes} bytes.`,
): Promise<Buffer> {
  const { head, body } = exchange
  if (head.framing > maxBytes) throw new Refusal(413, tooLarge(head.framing))
  if (body === undefined) return NO_BODY
  if (head.expect === '100-continue') exchange.sendContinue()
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Uint8Array[] = []
  let bytes = 0
  const timer = clock.after(BODY_MS, () => body.drop(new Refusal(408, 'the body did not come in time')))
  body.read({
    chunk(data) {
      bytes += data.length
      if (bytes > maxBytes) body.drop(new Refusal(413, tooLarge(bytes)))
      else chunks.push(data)
    },
    end: () => resolve(Buffer.concat(chunks)),
    fail: (error) => reject(error instanceof WireError ? new Refusal(error.status, error.message) : error),
  })
  return promise.finally(() => timer.cancel())
}
