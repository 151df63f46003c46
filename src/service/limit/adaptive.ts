/**
 * A limit that finds itself: as many at a time as can be worked on before each takes longer. By Little's law more than
 * throughput × time without a crowd only wait for each other.
 *
 * A gradient limit after Netflix's concurrency-limits (Gradient2): new = limit × normal time ÷ time now + an allowance of the order
 * of √limit, so that it always tries for more. Three things are different, each because of what goes wrong there:
 *
 * - What is normal is learnt only while less than half of the limit is used, not always: a long average that goes on in an
 *   overload takes the overload for normal and lets the limit climb.
 * - Cuts are an experiment. In a crowd each is faster when there are fewer. Where a quarter takes as long as the whole did, it was no
 *   crowd, but something behind the service has become slow for everybody: that is the new normal then, and the cuts are
 *   undone, or the limit would shrink to nothing for no one's good.
 * - It begins with doubling, as TCP Vegas' slow start does (Brakmo and Peterson 1995), until something shows that more are
 *   slower. A service of long waits gets hundreds within a second.
 *
 * Not chosen: minRTT pinned by throttling every minute (Envoy's adaptive concurrency), which costs good requests in calm times;
 * CPU thresholds (Kratos' BBR), which say nothing of a service that waits for its database.
 */
import { Baseline } from './baseline.ts'
import type { Limit, Sample } from './contract.ts'

/** As Netflix's. */
const FIRST = 20
const LEAST = 2
/** Above that, file descriptors are the limit. */
const MOST = 10_000

/**
 * A judgement needs so much time and as many samples as the limit is high, within bounds, because of a crowd those that take little
 * end first. With little traffic a few must do, after a second.
 */
const WINDOW_MS = 100
const FEWEST_SAMPLES = 10
const MOST_SAMPLES = 200
const LONG_WINDOW_MS = 1000
const FEW_SAMPLES = 5
/** What is slower by less than this is still normal. */
const TOLERANCE = 1.1
/** At one judgement at most by half. */
const STEEPEST = 0.5
/** Of the experiment: the share of the crowd that is left, the samples that it takes, and what is hardly faster. */
const FEWER = 0.25
const EXPERIMENT_SAMPLES = 20
const HARDLY_FASTER = 0.7

export function adaptive(): Limit {
  return new AdaptiveLimit()
}

class AdaptiveLimit implements Limit {
  exploring = true
  readonly #baseline = new Baseline()
  #limit = FIRST
  /** Requests that began before the last change tell of the limit before. */
  #changedAt = Number.NEGATIVE_INFINITY
  #window = new Window(Number.NEGATIVE_INFINITY)
  /** Doubles while nothing is slower: at first, and after an experiment has shown that the limit was too low. */
  #doubles = true
  #cuts: Cuts | undefined

  get value(): number {
    return Math.floor(this.#limit)
  }

  ended({ operation, startedAt, endedAt, inFlight, tells }: Sample): void {
    const window = this.#window
    window.ended++
    window.peak = Math.max(window.peak, inFlight)
    if (window.since === Number.NEGATIVE_INFINITY) window.since = endedAt
    if (tells && startedAt >= this.#changedAt) {
      const quiet = inFlight <= this.#limit / 2
      window.add(this.#baseline.compare(operation, endedAt - startedAt, quiet))
    }
    if (window.isComplete(endedAt, this.#limit)) this.#judge(window, endedAt)
  }

  /**
   * Where nothing ends at all, and nothing is known to be faster, there is no sign of a crowd: requests may be long polls. Where it is
   * known, the event loop is blocked, or what is behind hangs.
   */
  pressed(now: number): void {
    const window = this.#window
    if (window.since === Number.NEGATIVE_INFINITY) window.since = now
    const age = now - window.since
    const { longestMs } = this.#baseline
    const mayBeLong = longestMs === 0 || longestMs >= age
    if (this.exploring && mayBeLong && window.ended === 0 && age >= WINDOW_MS) this.#change(this.#limit * 2, now)
  }

  #judge(window: Window, now: number): void {
    const { peak, times } = window
    const normal = TOLERANCE + this.#baseline.chance(window.count)
    const isFull = peak >= this.value
    if (times > normal && isFull) {
      this.#slow(window, normal, now)
      return
    }
    this.#cuts = undefined
    if (times > normal || peak < this.#limit / 2) this.#window = new Window(now)
    else if (!this.#doubles) this.#change(this.#limit + this.#allowance(), now)
    else if (isFull) this.#change(this.#limit * 2, now)
    else this.#window = new Window(now)
  }

  #slow(window: Window, normal: number, now: number): void {
    const { peak, times, count } = window
    this.#cuts ??= { limit: this.#limit, peak, window: new Window(now) }
    if (peak <= Math.max(this.#cuts.peak * FEWER, LEAST)) {
      if (count < EXPERIMENT_SAMPLES) return
      if (times >= this.#cuts.window.times * HARDLY_FASTER) {
        this.#isNormal(times, this.#cuts.limit, now)
        return
      }
      this.#cuts = { limit: this.#limit, peak, window: new Window(now) }
    }
    this.#cuts.window.join(window)
    this.exploring = false
    this.#doubles = false
    this.#change(this.#limit * Math.max(STEEPEST, normal / times) + this.#allowance(), now)
  }

  #isNormal(times: number, limit: number, now: number): void {
    this.#cuts = undefined
    this.#doubles = true
    this.#baseline.scale(times)
    this.#change(limit, now)
  }

  #allowance(): number {
    return Math.sqrt(this.#limit) / 2
  }

  #change(limit: number, now: number): void {
    this.#limit = Math.min(MOST, Math.max(LEAST, limit))
    this.#changedAt = now
    this.#window = new Window(now)
  }
}

/** Cuts in a row: what was before, and all that was seen meanwhile. */
interface Cuts {
  readonly limit: number
  readonly peak: number
  readonly window: Window
}

/** What has been seen since the last judgement. */
class Window {
  since: number
  /** All that ended, also those that tell nothing. */
  ended = 0
  count = 0
  peak = 0
  #sum = 0

  constructor(since: number) {
    this.since = since
  }

  add(times: number): void {
    this.count++
    this.#sum += times
  }

  join({ count, times }: Window): void {
    this.count += count
    this.#sum += count * times
  }

  /** How many times as long as normal, in the mean. */
  get times(): number {
    return this.#sum / this.count
  }

  isComplete(now: number, limit: number): boolean {
    const age = now - this.since
    const wanted = Math.min(MOST_SAMPLES, Math.max(FEWEST_SAMPLES, limit))
    return (age >= WINDOW_MS && this.count >= wanted) || (age >= LONG_WINDOW_MS && this.count >= FEW_SAMPLES)
  }
}
