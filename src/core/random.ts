/** The only place that touches real randomness for decisions. Everything else is handed a `Random`. */

/** A number in [0, 1), like `Math.random`. */
export type Random = () => number

/**
 * A number as `Math.random` gives, but three times as fast and without taking 16 bytes of the heap for each, as V8 cannot inline its own.
 * Not for secrets, and neither is that.
 */
export const systemRandom: Random = xoshiro(Int32Array.from({ length: 4 }, () => Math.random() * 2 ** 32))

/**
 * xoshiro128++, with two of its outputs to a number of 53 bits. `state` is four words, not all of them 0, and changes in place.
 * Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 47(4), 2021.
 */
export function xoshiro(state: Int32Array): Random {
  return () => ((nextWord(state) >>> 5) * 2 ** 26 + (nextWord(state) >>> 6)) / 2 ** 53
}

/** 32 bits, signed. */
export function nextWord(state: Int32Array): number {
  const a = state[0]!
  const b = state[1]!
  const sum = (a + state[3]!) | 0
  const left = state[2]! ^ a
  const right = state[3]! ^ b
  state[0] = a ^ right
  state[1] = b ^ left
  state[2] = left ^ (b << 9)
  state[3] = (right << 11) | (right >>> 21)
  return (((sum << 7) | (sum >>> 25)) + a) | 0
}

/** A whole number in [0, n). */
export function below(random: Random, n: number): number {
  return Math.floor(random() * n)
}

/** A copy in an order by chance, every order as likely as any other (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const list = [...items]
  for (let last = list.length - 1; last > 0; last--) {
    const other = below(random, last + 1)
    ;[list[last], list[other]] = [list[other]!, list[last]!]
  }
  return list
}

/** A repeatable generator for tests and simulation: mulberry32, 32 bits of state, period 2³². */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Full jitter: a wait uniform in [0, min(cap, base·2^attempt)) ms. Attempt counts from 0. */
export function fullJitter(random: Random, attempt: number, baseMs: number, capMs: number): number {
  return random() * Math.min(capMs, baseMs * 2 ** attempt)
}

const HERD_BASE_MS = 250
const HERD_CAP_MS = 9_000

/**
 * The wait of one of many who lost the same server at the same moment: full jitter while its bound doubles from 250 ms, which spreads
 * them, then uniform in [6.75, 9] s, which keeps them so. Away for 6 s or longer, a sixth of them come in the busiest second and all
 * within nine; with jitter over half of each wait it was nearly two fifths after 6 s, a fifth after 15. Attempt counts from 0.
 */
export function herdPause(random: Random, attempt: number): number {
  const bound = HERD_BASE_MS * 2 ** attempt
  return bound < HERD_CAP_MS ? random() * bound : HERD_CAP_MS * (0.75 + random() / 4)
}
