import type { Clock } from '../core/clock.ts'
import type { BodySource } from '../wire/body.ts'

const BYTES = 64 * 1024
const TIME_MS = 5_000

/** Reads an answer that nobody wants to its end, so that its connection serves again; a large or slow one is not worth that. */
export function discard(source: BodySource, clock: Clock, maxBytes = BYTES): void {
  const enough = () => source.drop(new Error('this answer is not wanted'))
  const timer = clock.after(TIME_MS, enough)
  let bytes = 0
  source.read({
    chunk(chunk) {
      bytes += chunk.length
      if (bytes > maxBytes) enough()
    },
    end: () => timer.cancel(),
    fail: () => timer.cancel(),
  })
}
