/**
 * Who is worked on, who waits, who is refused. Two things bound the work: the limit, for handlers that wait, and the event loop,
 * for those that compute. A handler that computes is alone in the process: nothing waits beside it, and neither a count nor a
 * time of its own would show the crowd, which waits in the kernel. So no turn of the loop works on new requests for longer
 * than a slice; what else the turn has read waits in line with the others, one a turn from then on, and is refused from there,
 * before the next handler blocks the loop again.
 *
 * An instance always works on something: where it is idle, the first request is never refused.
 */
import type { Clock, Timer } from '../../core/clock.ts'
import { PRIORITIES, type Priority } from '../../core/priority.ts'
import type { Limit, Sample, ShedReason, Waiting } from './contract.ts'
import { Line } from './line.ts'

/** A turn of the event loop begins no new work after so long, ms. */
const SLICE_MS = 5
/**
 * Before the next that waits for the loop is begun, so many turns must have brought nothing new: libuv accepts one connection a turn, so
 * with a handler in each, new connections would wait by the hundred where nobody sees them. At most so many turns, or none would work.
 */
const QUIET_TURNS = 2
const MOST_TURNS = 64
/** Batch work leaves this share of the limit to those who wait for their answers. */
const BATCH_SHARE = 0.75
const RATE_WINDOW_MS = 200
const LOOK_AGAIN_MS = 100

export interface LimiterOptions {
  readonly limit: Limit
  readonly clock: Clock
  /** Runs something once the event loop has read what there is to read: setImmediate. */
  readonly afterTurn: (run: () => void) => void
}

export class Limiter {
  readonly limit: Limit
  readonly #clock: Clock
  readonly #afterTurn: (run: () => void) => void
  readonly #lines: Readonly<Record<Priority, Line>> = { health: new Line(), interactive: new Line(), batch: new Line() }
  readonly #rate = new Rate()
  readonly #endTurn = () => this.#turnEnded()
  #inFlight = 0
  /** Of the turn that works on something; undefined between them. */
  #turnBegan: number | undefined
  /** Since work was begun last, and those at the end of which nothing new came. */
  #turns = 0
  #quietTurns = 0
  #isQuiet = true
  #fastestMs = 0
  #timer: Timer | undefined

  constructor({ limit, clock, afterTurn }: LimiterOptions) {
    this.limit = limit
    this.#clock = clock
    this.#afterTurn = afterTurn
  }

  get inFlight(): number {
    return this.#inFlight
  }

  waiting(priority: Priority): number {
    return this.#lines[priority].length
  }

  /** `go`: it counts as worked on from now, until `leave`. `wait`: hand it to `wait`. Anything else: it is refused. */
  ask(priority: Priority, deadline: number | undefined, now: number): 'go' | 'wait' | ShedReason {
    const line = this.#lines[priority]
    this.#isQuiet = false
    if (priority !== 'health') {
      line.asked()
      if (deadline !== undefined && deadline <= now) return 'deadline'
      if (this.#mayWork(priority, now) && !this.#othersFirst(priority)) return this.#begin(now)
      if (this.#isTooLate(deadline, now)) return 'deadline'
      if (!line.isFull(now, this.#rate.perMs, this.limit.exploring)) return 'wait'
      line.refused()
      return 'full'
    }
    return this.#begin(now)
  }

  wait(waiting: Waiting): void {
    this.#lines[waiting.priority].join(waiting, !this.#hasRoom(waiting.priority))
    this.#watch(waiting.since)
  }

  /** It waits no longer: its caller has gone. */
  forget(waiting: Waiting): void {
    this.#lines[waiting.priority].leave(waiting, this.#clock.monotonic())
  }

  /** What was worked on has ended. */
  leave(sample: Sample): void {
    const { startedAt, endedAt, tells } = sample
    sample.inFlight = this.#inFlight--
    this.#rate.count(endedAt)
    const ms = endedAt - startedAt
    if (tells) this.#fastestMs = Math.min(ms, this.#fastestMs + (ms - this.#fastestMs) / 100)
    this.limit.ended(sample)
    this.#next(endedAt, Number.POSITIVE_INFINITY)
  }

  #begin(now: number): 'go' {
    this.#openTurn(now)
    this.#inFlight++
    return 'go'
  }

  /** Idle, it works on anything; else while there is room and the turn is young. */
  #mayWork(priority: Priority, now: number): boolean {
    if (!this.#hasRoom(priority)) {
      this.limit.pressed(now)
      if (!this.#hasRoom(priority)) return false
    }
    return this.#turnBegan === undefined || now - this.#turnBegan < SLICE_MS
  }

  #hasRoom(priority: Priority): boolean {
    const share = priority === 'batch' ? BATCH_SHARE : 1
    return this.#inFlight < Math.max(1, Math.floor(this.limit.value * share))
  }

  #othersFirst(priority: Priority): boolean {
    return this.#lines.interactive.length > 0 || (priority === 'batch' && this.#lines.batch.length > 0)
  }

  /** Not even the fastest would be in time. */
  #isTooLate(deadline: number | undefined, now: number): boolean {
    return deadline !== undefined && deadline - now < this.#fastestMs
  }

  #openTurn(now: number): void {
    if (this.#turnBegan !== undefined) return
    this.#turnBegan = now
    this.#afterTurn(this.#endTurn)
  }

  /** One at a time: its handler runs when this function has returned, and whether it computes is known only then. */
  #turnEnded(): void {
    this.#turnBegan = undefined
    const now = this.#clock.monotonic()
    this.#refuse(now)
    const isWaited = this.#lines.interactive.length > 0 || this.#lines.batch.length > 0
    if (isWaited && this.#moreMayCome()) {
      this.#openTurn(now)
      return
    }
    this.#turns = 0
    this.#quietTurns = 0
    this.#next(now, 1)
  }

  #moreMayCome(): boolean {
    this.#quietTurns = this.#isQuiet ? this.#quietTurns + 1 : 0
    this.#isQuiet = true
    return this.#quietTurns < QUIET_TURNS && ++this.#turns < MOST_TURNS
  }

  /** Works on up to `count` of those who wait, the most important first. Whom only the turn keeps waiting, its end looks at. */
  #next(now: number, count: number): void {
    let left = count
    for (const priority of PRIORITIES) {
      const line = this.#lines[priority]
      for (let first = line.first; first !== undefined && left > 0; first = line.first) {
        if (!this.#mayWork(priority, now)) break
        line.leave(first, now)
        if (this.#isTooLate(first.deadline, now)) first.shed('deadline')
        else {
          this.#begin(now)
          left--
          first.go()
        }
      }
    }
  }

  /** Refuses those whose patience is at its end. */
  #refuse(now: number): void {
    for (const priority of PRIORITIES) {
      const line = this.#lines[priority]
      for (let first = line.first; first !== undefined; first = line.first) {
        if (now - first.since < line.patience(now, this.#rate.perMs, this.limit.exploring)) break
        line.refused()
        line.leave(first, now)
        first.shed('wait')
      }
    }
    this.#watch(now)
  }

  /** One timer for whoever's patience ends first. It looks at least so often that a limit which grows with time is followed. */
  #watch(now: number): void {
    if (this.#timer !== undefined) return
    let wake = Number.POSITIVE_INFINITY
    for (const priority of PRIORITIES) {
      const { first } = this.#lines[priority]
      if (first !== undefined) {
        wake = Math.min(
          wake,
          first.since + this.#lines[priority].patience(now, this.#rate.perMs, this.limit.exploring),
          now + LOOK_AGAIN_MS,
        )
      }
    }
    if (wake === Number.POSITIVE_INFINITY) return
    this.#timer = this.#clock.after(Math.max(1, wake - now), () => {
      this.#timer = undefined
      const then = this.#clock.monotonic()
      this.#next(then, Number.POSITIVE_INFINITY)
      this.#refuse(then)
    })
  }
}

/** Requests done a millisecond, over the last window. */
class Rate {
  perMs = 0
  #since = Number.NEGATIVE_INFINITY
  #count = 0

  count(now: number): void {
    this.#count++
    const age = now - this.#since
    if (age < RATE_WINDOW_MS) return
    this.perMs = Number.isFinite(age) ? this.#count / age : 0
    this.#since = now
    this.#count = 0
  }
}
