/** A request of our own engine, as the kit's pipeline sees it. */
import type { Readable } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import { header, type RawHeaders, withoutHeaders } from '../../core/headers.ts'
import { httpDate } from '../../core/http-date.ts'
import type { BodySource } from '../../wire/body.ts'
import { CHUNKED, type ExchangeObserver, type Framing, type ServerExchange } from '../../wire/contract.ts'
import { fromReadable } from '../../wire/incoming.ts'
import type { Inbound } from '../inbound.ts'

const LENGTH: ReadonlySet<string> = new Set(['content-length'])

/** Of the answer's fields; what is no length is as none. */
function lengthIn(fields: RawHeaders): number | undefined {
  const text = header(fields, 'content-length')
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

export class WireInbound implements Inbound, ExchangeObserver {
  readonly node = undefined
  status = 0
  delivered = false
  onOver: () => void = () => {}
  readonly #wire: ServerExchange
  readonly #clock: Clock
  #gone = false
  /** The body of an answer on its way out. */
  #source: BodySource | undefined

  constructor(wire: ServerExchange, clock: Clock) {
    this.#wire = wire
    this.#clock = clock
    wire.observer = this
  }

  get method(): string {
    return this.#wire.head.method
  }

  get target(): string {
    return this.#wire.head.target
  }

  get version(): string {
    return this.#wire.head.version
  }

  get headers(): RawHeaders {
    return this.#wire.head.headers
  }

  get framing(): Framing {
    return this.#wire.head.framing
  }

  get complete(): boolean {
    return this.#wire.body?.complete ?? true
  }

  get answered(): boolean {
    return this.#gone || this.#wire.answered
  }

  closeAfter(): void {
    this.#wire.closeAfter()
  }

  receive(): BodySource | undefined {
    const { head, body } = this.#wire
    if (head.expect !== undefined && body?.complete === false) this.#wire.sendContinue()
    return body
  }

  send(status: number, fields: RawHeaders, body: string | undefined): void {
    this.status = status
    const length = body === undefined ? lengthIn(fields) : undefined
    // An answer to HEAD may tell a length; one with no body at all may not.
    if (length !== undefined && this.method === 'HEAD') this.#begin(status, fields, length).end()
    else this.#wire.send(status, this.#dated(length === undefined ? fields : withoutHeaders(fields, LENGTH)), body)
  }

  stream(status: number, fields: RawHeaders, source: Readable, onBroken: (error: Error) => void): void {
    // What fails before or after it is read must not end the process.
    source.on('error', () => {})
    const body = fromReadable(source)
    this.status = status
    try {
      this.#begin(status, fields, lengthIn(fields) ?? CHUNKED)
    } catch (error) {
      body.drop(error as Error)
      throw error
    }
    this.#relay(body, onBroken)
  }

  #begin(status: number, fields: RawHeaders, framing: Framing): ServerExchange {
    this.#wire.begin(status, this.#dated(withoutHeaders(fields, LENGTH)), framing)
    return this.#wire
  }

  reset(): void {
    this.#wire.reset()
  }

  // What becomes of the answer.

  drained(): void {
    this.#source?.resume()
  }

  gone(error: Error): void {
    this.#gone = true
    const source = this.#source
    this.#source = undefined
    source?.drop(error)
    this.onOver()
  }

  done(): void {
    this.delivered = true
    this.onOver()
  }

  /** RFC 9110 §6.6.1. */
  #dated(fields: RawHeaders): RawHeaders {
    return header(fields, 'date') === undefined ? [...fields, 'date', httpDate(this.#clock)] : fields
  }

  #relay(body: BodySource, onBroken: (error: Error) => void): void {
    this.#source = body
    // Nothing of it goes out where there is no body; one without an end would be waited for.
    if (this.method === 'HEAD') return void this.#finish(body)
    const fail = (error: Error) => {
      if (this.#source === undefined) return
      this.#source = undefined
      onBroken(error)
      this.#wire.reset()
    }
    const attempt = (act: () => void) => {
      try {
        act()
      } catch (error) {
        // Longer or shorter than its Content-Length.
        fail(error as Error)
        body.drop(error as Error)
      }
    }
    body.read({
      chunk: (bytes) => attempt(() => this.#wire.write(bytes) || body.pause()),
      end: () => attempt(() => this.#finish()),
      fail,
    })
  }

  #finish(unwanted?: BodySource): void {
    this.#wire.end()
    this.#source = undefined
    unwanted?.drop(new Error('HEAD has no body'))
  }
}
