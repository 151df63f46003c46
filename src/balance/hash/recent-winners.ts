/**
 * Whom recent keys went to, by their 64-bit hash, on which alone it depends: so what is found here is exact. Each hash has one slot, which
 * it takes from whichever was there before. For tables where looking costs more than remembering.
 */
import type { Word } from './word.ts'

/** 384 KiB. Of 4,096 keys that come again and again an eighth share a slot. */
const SLOTS = 32_768
const NOBODY = -1

export class RecentWinners {
  readonly #hi = new Int32Array(SLOTS)
  readonly #lo = new Int32Array(SLOTS)
  readonly #winners = new Int32Array(SLOTS).fill(NOBODY)

  /** -1 = not known. */
  get({ hi, lo }: Word): number {
    const slot = lo & (SLOTS - 1)
    return this.#hi[slot] === hi && this.#lo[slot] === lo ? this.#winners[slot]! : NOBODY
  }

  set({ hi, lo }: Word, winner: number): void {
    const slot = lo & (SLOTS - 1)
    this.#hi[slot] = hi
    this.#lo[slot] = lo
    this.#winners[slot] = winner
  }

  /** To be called when the members change: their indices do too. */
  clear(): void {
    this.#winners.fill(NOBODY)
  }
}
