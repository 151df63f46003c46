/**
 * A body that can be read again from its beginning, as long as all that was read of it is kept: up to `maxBytes`. What drops it
 * only ends its own reading; `close` ends the body.
 */
import type { RawHeaders } from '../core/headers.ts'
import type { BodySink, BodySource } from '../wire/body.ts'

type End = { readonly trailers: RawHeaders } | { readonly error: Error }

export class ReplayBody implements BodySource {
  readonly complete = false
  readonly #body: BodySource
  readonly #maxBytes: number
  readonly #onChunk: () => void
  #sink: BodySink | undefined
  /** What was read, from the beginning while it may be read again, else only what was not handed over yet. */
  #kept: Uint8Array[] = []
  #keptBytes = 0
  #keeping = true
  /** How many of the kept ones the sink has. */
  #given = 0
  #begun = false
  #paused = false
  #end: End | undefined

  constructor(body: BodySource, maxBytes: number, onChunk: () => void) {
    this.#body = body
    this.#maxBytes = maxBytes
    this.#onChunk = onChunk
  }

  get started(): boolean {
    return !this.#keeping || this.#sink !== undefined
  }

  whole(): Uint8Array {
    throw new Error('a body that comes as a stream is not read as a whole')
  }

  read(sink: BodySink): void {
    if (this.started) throw new Error('this body has been read already')
    this.#sink = sink
    this.#given = 0
    this.#paused = false
    if (this.#begun) this.#deliver()
    else this.#begin()
  }

  #begin(): void {
    this.#begun = true
    this.#body.read({
      chunk: (bytes) => this.#onBytes(bytes),
      end: (trailers) => this.#onEnd({ trailers }),
      fail: (error) => this.#onEnd({ error }),
    })
  }

  pause(): void {
    this.#paused = true
    this.#body.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliver()
  }

  drop(reason: Error): void {
    if (this.#sink === undefined) return
    this.#sink = undefined
    if (this.#keeping) this.#body.pause()
    else this.#body.drop(reason)
  }

  /** An answer has come: it will not be read again. */
  settle(): void {
    this.#keeping = false
    this.#forget()
  }

  /** Nobody will read the rest. */
  close(): void {
    this.#sink = undefined
    this.settle()
    this.#body.drop(new Error('the call is over'))
  }

  #onBytes(bytes: Uint8Array): void {
    this.#onChunk()
    this.#kept.push(bytes)
    this.#keptBytes += bytes.length
    if (this.#keptBytes > this.#maxBytes && this.#sink !== undefined) this.#keeping = false
    this.#deliver()
  }

  #onEnd(end: End): void {
    this.#end = end
    this.#deliver()
  }

  #deliver(): void {
    while (this.#sink !== undefined && !this.#paused && this.#given < this.#kept.length)
      this.#sink.chunk(this.#kept[this.#given++]!)
    if (!this.#keeping) this.#forget()
    if (this.#sink === undefined || this.#paused) return
    if (this.#end === undefined) this.#body.resume()
    else this.#tell(this.#sink, this.#end)
  }

  /** It can be told again, to the next reader. */
  #tell(sink: BodySink, end: End): void {
    this.#sink = undefined
    if ('error' in end) sink.fail(end.error)
    else sink.end(end.trailers)
  }

  #forget(): void {
    this.#kept = this.#kept.slice(this.#given)
    this.#given = 0
  }
}
