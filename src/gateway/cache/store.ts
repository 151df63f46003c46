/** Kept answers of one route, bounded in bytes. A key has one answer for each variant (Vary). */

import { headerValues, type RawHeaders } from '../../core/headers.ts'
import { ownText } from '../../core/own-text.ts'

export interface Kept {
  readonly status: number
  readonly headers: RawHeaders
  readonly body: Uint8Array
  /** Seconds for which it is fresh, counted from `at`. */
  readonly lifetime: number
  /** Age on arrival, s. */
  readonly age: number
  /** When it came or was confirmed, monotonic ms. */
  readonly at: number
}

interface Slot {
  readonly kept: Kept
  /** Names that the answer depends on, and what the request said there. */
  readonly varies: readonly (readonly [name: string, value: string])[]
  readonly bytes: number
}

/** Bytes that an entry costs beside its text. */
const OVERHEAD = 500
/** Variants of one key; a Vary on a field that everybody sends differently must not fill the store. */
const VARIANTS_MAX = 8

export class Store {
  /** Told by how many bytes it has grown; negative when it has shrunk. */
  onChange: (bytes: number) => void = () => {}
  readonly #maxBytes: number
  /** In order of use. */
  readonly #slots = new Map<string, readonly Slot[]>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: string, asked: RawHeaders): Kept | undefined {
    const slots = this.#slots.get(key)
    const slot = slots?.find(({ varies }) => varies.every(([name, value]) => fieldOf(asked, name) === value))
    if (slot === undefined) return undefined
    this.#slots.delete(key)
    this.#slots.set(key, slots!)
    return slot.kept
  }

  put(key: string, asked: RawHeaders, kept: Kept): void {
    const names = headerValues(kept.headers, 'vary').flatMap((line) =>
      line.split(',').map((name) => name.trim().toLowerCase()),
    )
    const varies = names.filter((name) => name !== '').map((name) => [name, ownText(fieldOf(asked, name))] as const)
    const text = JSON.stringify(varies)
    const chars = kept.headers.join('').length + key.length + text.length
    const slot = { kept, varies, bytes: OVERHEAD + kept.body.length + chars }
    if (slot.bytes > this.#maxBytes) return
    const others = (this.#slots.get(key) ?? []).filter((one) => JSON.stringify(one.varies) !== text)
    this.delete(key)
    const slots = [slot, ...others].slice(0, VARIANTS_MAX)
    this.#slots.set(ownText(key), slots)
    this.#grow(bytesOf(slots))
    while (this.#bytes > this.#maxBytes) this.deleteOldest()
  }

  /** The one unused for longest; there must be one. */
  deleteOldest(): void {
    this.delete(this.#slots.keys().next().value!)
  }

  delete(key: string): void {
    this.#grow(-bytesOf(this.#slots.get(key) ?? []))
    this.#slots.delete(key)
  }

  #grow(bytes: number): void {
    this.#bytes += bytes
    this.onChange(bytes)
  }
}

function fieldOf(headers: RawHeaders, name: string): string {
  return headerValues(headers, name).join(', ')
}

function bytesOf(slots: readonly Slot[]): number {
  return slots.reduce((sum, { bytes }) => sum + bytes, 0)
}
