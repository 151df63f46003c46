/** A stream of HTTP/2 as a Node stream, once it carries another protocol (RFC 8441). */
import { Duplex } from 'node:stream'
import type { RawHeaders } from '../../core/headers.ts'
import type { BodySource } from '../body.ts'
import type { ExchangeObserver } from '../contract.ts'
import { CODE } from './codes.ts'

/** What it needs of the stream below. */
export interface TunnelStream {
  write(bytes: Uint8Array): boolean
  end(trailers?: RawHeaders): void
  cancel(code: number): void
}

type Done = (error?: Error | null) => void

export class H2Tunnel extends Duplex implements ExchangeObserver {
  readonly #stream: TunnelStream
  readonly #source: BodySource | undefined
  #reading = false
  #written: Done | undefined
  #over = false

  /** Without a source, the client has ended its side already. */
  constructor(stream: TunnelStream, source: BodySource | undefined) {
    super({ allowHalfOpen: true })
    this.#stream = stream
    this.#source = source
  }

  override _read(): void {
    if (this.#source === undefined) return void this.push(null)
    if (this.#reading) return void this.#source.resume()
    this.#reading = true
    const source = this.#source
    source.read({
      chunk: (bytes) => {
        if (!this.push(bytes)) source.pause()
      },
      end: () => void this.push(null),
      fail: (error) => void this.destroy(error),
    })
  }

  override _write(bytes: Buffer, _: BufferEncoding, done: Done): void {
    if (this.#stream.write(bytes)) return void done()
    this.#written = done
  }

  override _final(done: Done): void {
    this.#stream.end()
    done()
  }

  /** CANCEL is what a reset of the connection is (RFC 8441 §5). */
  override _destroy(error: Error | null, done: Done): void {
    const isWhole = this.readableEnded && this.writableFinished
    if (!this.#over && !isWhole) this.#stream.cancel(CODE.cancel)
    done(error)
  }

  drained(): void {
    const done = this.#written
    this.#written = undefined
    done?.()
  }

  gone(error: Error): void {
    this.#over = true
    this.destroy(error)
  }

  done(): void {}
}
