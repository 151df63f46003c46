/** The only place that touches real time. Everything else is handed a `Clock`, so tests run on a virtual one. */

/** A running timer; `cancel` is idempotent. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall-clock time in ms since the epoch: for stamps shown to people, never for measuring. */
  now(): number
  /** Monotonic time in ms with fractions: for durations, deadlines and leases. */
  monotonic(): number
  /** Calls `run` once after `ms`. The timer does not keep the process alive unless `keepAlive` is true. */
  after(ms: number, run: () => void, keepAlive?: boolean): Timer
}

/** Node counts a timer's ms in 31 bits, 24.8 days: a longer one would run at once. */
const TIMER_MAX_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run, keepAlive = false) {
    if (ms > TIMER_MAX_MS) return afterLong(ms, run, keepAlive)
    const handle = setTimeout(run, ms)
    if (!keepAlive) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

function afterLong(ms: number, run: () => void, keepAlive: boolean): Timer {
  let timer = systemClock.after(TIMER_MAX_MS, next, keepAlive)
  function next() {
    timer = systemClock.after(ms - TIMER_MAX_MS, run, keepAlive)
  }
  return { cancel: () => timer.cancel() }
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, clock: Clock = systemClock, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const timer = clock.after(ms, done, true)
    const abort = () => {
      timer.cancel()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    function done() {
      signal?.removeEventListener('abort', abort)
      resolve()
    }
  })
}

/** A clock that stands still until `advance` is called; timers run in due order at their exact time. */
export class VirtualClock implements Clock {
  #time = 0
  #next = 0
  readonly #epoch: number
  readonly #timers = new Map<number, { due: number; run: () => void }>()

  constructor(epoch = 1_700_000_000_000) {
    this.#epoch = epoch
  }

  now(): number {
    return this.#epoch + this.#time
  }

  monotonic(): number {
    return this.#time
  }

  after(ms: number, run: () => void): Timer {
    const id = this.#next++
    this.#timers.set(id, { due: this.#time + Math.max(0, ms), run })
    return { cancel: () => this.#timers.delete(id) }
  }

  /** Moves time forward by `ms`, running what falls due, earliest first, ties in order of creation. */
  advance(ms: number): void {
    const end = this.#time + ms
    for (let due = this.#earliest(end); due !== undefined; due = this.#earliest(end)) {
      const timer = this.#timers.get(due)!
      this.#timers.delete(due)
      this.#time = Math.max(this.#time, timer.due)
      timer.run()
    }
    this.#time = end
  }

  #earliest(end: number): number | undefined {
    let best: number | undefined
    let bestDue = Number.POSITIVE_INFINITY
    for (const [id, { due }] of this.#timers) {
      if (due <= end && due < bestDue) {
        best = id
        bestDue = due
      }
    }
    return best
  }
}
