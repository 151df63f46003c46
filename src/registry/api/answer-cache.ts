/**
 * Encoded answers by query, valid while the query's version stands: a thousand watchers of one service cost one encoding.
 * Bounded by bytes; what was not asked for longest goes first.
 */
import type { Encoded } from './encoded.ts'

interface Entry {
  readonly version: string
  readonly body: Encoded
}

export class AnswerCache {
  readonly #entries = new Map<string, Entry>()
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes = 64 * 1024 * 1024) {
    this.#maxBytes = maxBytes
  }

  /**
   * The body for `query` at `version`, encoded now if that was not done yet. The same version gives the same object. What
   * has no body is looked for each time.
   */
  get(query: string, version: string, encode: () => Encoded): Encoded
  get(query: string, version: string, encode: () => Encoded | undefined): Encoded | undefined
  get(query: string, version: string, encode: () => Encoded | undefined): Encoded | undefined {
    const known = this.#entries.get(query)
    if (known !== undefined) {
      this.#drop(query, known)
      if (known.version === version) return this.#keep(query, known)
    }
    const body = encode()
    return body === undefined ? undefined : this.#keep(query, { version, body })
  }

  #keep(query: string, entry: Entry): Encoded {
    this.#entries.set(query, entry)
    this.#bytes += sizeOf(query, entry)
    for (const [oldest, { version, body }] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break
      this.#drop(oldest, { version, body })
    }
    return entry.body
  }

  #drop(query: string, entry: Entry): void {
    this.#entries.delete(query)
    this.#bytes -= sizeOf(query, entry)
  }
}

/** Twice the bytes: the gzipped copy and the overhead of the entry. */
const sizeOf = (query: string, { body }: Entry) => 2 * (body.bytes.length + query.length) + 200
