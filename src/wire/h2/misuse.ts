/** What a client may do that costs us more than it. Who goes beyond that loses the connection. */
import { dropOldest } from '../../core/bounded.ts'
import type { Clock } from '../../core/clock.ts'
import { CODE, H2ConnectionError } from './codes.ts'

/**
 * Streams that a client may have reset at once, and a second after that, by itself or by mistakes for which we do it (CVE-2023-44487,
 * CVE-2025-8671). Not fewer: clients of gRPC reset each call whose deadline has passed, and a proxy before us has the calls of many on
 * one connection.
 */
const RESETS_AT_ONCE = 1_000
const RESETS_PER_SECOND = 100
/** Frames that bring nothing. Not fewer: gRPC measures its way by PINGs, thousands a second where that is short. */
const IDLE_FRAMES_AT_ONCE = 10_000
const IDLE_FRAMES_PER_SECOND = 5_000
/** Streams that we have reset of late, on which the client may still have been sending. */
const REMEMBERED = 256

export class Misuse {
  readonly #resets: Patience
  readonly #idleFrames: Patience
  /** Oldest first. */
  readonly #reset = new Set<number>()

  constructor(clock: Clock) {
    this.#resets = new Patience(clock, RESETS_AT_ONCE, RESETS_PER_SECOND)
    this.#idleFrames = new Patience(clock, IDLE_FRAMES_AT_ONCE, IDLE_FRAMES_PER_SECOND)
  }

  /** A stream was reset. @throws H2ConnectionError */
  countReset(): void {
    if (!this.#resets.try()) throw new H2ConnectionError(CODE.enhanceYourCalm, 'too many streams were reset')
  }

  /** A frame that brings nothing. @throws H2ConnectionError */
  countIdle(): void {
    if (!this.#idleFrames.try()) throw new H2ConnectionError(CODE.enhanceYourCalm, 'too many frames bring nothing')
  }

  /** We have reset it. */
  remember(stream: number): void {
    this.#reset.add(stream)
    dropOldest(this.#reset, REMEMBERED)
  }

  /** A frame of a stream that is over; where we have reset it, the client may not have known. @throws H2ConnectionError */
  countLate(stream: number): void {
    this.countIdle()
    if (!this.#reset.has(stream)) throw new H2ConnectionError(CODE.streamClosed, 'a stream has ended')
  }
}

/** So many at once, and so many a second after that. */
class Patience {
  readonly #clock: Clock
  readonly #atOnce: number
  readonly #perSecond: number
  #left: number
  #filledAt: number

  constructor(clock: Clock, atOnce: number, perSecond: number) {
    this.#clock = clock
    this.#atOnce = atOnce
    this.#perSecond = perSecond
    this.#left = atOnce
    this.#filledAt = clock.monotonic()
  }

  /** False: it has come to its end. */
  try(): boolean {
    if (this.#left < 1) {
      const now = this.#clock.monotonic()
      this.#left = Math.min(this.#atOnce, this.#left + ((now - this.#filledAt) / 1000) * this.#perSecond)
      this.#filledAt = now
    }
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
