/**
 * A worker's rate limits, counted by the supervisor: each request that has limits asks it. Leases of tokens in advance were not
 * chosen: those that lie unused with one worker are refused at another, and a small limit has none to spare. Price: a
 * turn of the event loop and of the channel for each such request; all of one turn go together.
 */
import { dropOldest } from '../../core/bounded.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import { type Allowance, type Ask, limitIdOf, ownAllowance } from '../allowance.ts'
import type { Verdict } from '../buckets.ts'
import { sizeOf } from '../rule/rate-limit.ts'
import type { FromWorker, TokenAsk, TokenVerdict } from './contract.ts'

interface Waiting {
  readonly asked: readonly Ask[]
  readonly tokens: readonly TokenAsk[]
  /** When it was asked, monotonic ms. */
  readonly at: number
  readonly resolve: (verdicts: readonly Verdict[]) => void
}

interface Batch {
  readonly waiting: readonly Waiting[]
  readonly late: Timer
}

/** A supervisor that takes longer is stuck: until it answers again each worker counts for itself, ms. */
const ANSWER_MS = 2_000
/** Buckets that are known to be empty. */
const EMPTY_MAX = 10_000

export class SharedAllowance implements Allowance {
  readonly #clock: Clock
  readonly #send: (message: FromWorker) => void
  readonly #underWay = new Map<number, Batch>()
  /** Until when there is nothing in a bucket, and when it would be full: a flood is refused without asking. */
  readonly #empty = new Map<string, { readonly until: number; readonly fullAt: number }>()
  /** Of each limit; by what it is, so that a reload gives no others. */
  readonly #numbers = new Map<string, number>()
  readonly #numbered = new WeakMap<object, number>()
  #waiting: Waiting[] = []
  #nextId = 0
  #alone = false

  constructor(clock: Clock, send: (message: FromWorker) => void) {
    this.#clock = clock
    this.#send = send
  }

  take(asked: readonly Ask[], now: number): readonly Verdict[] | Promise<readonly Verdict[]> {
    if (this.#alone) return ownAllowance.take(asked, now)
    const tokens = asked.map((ask) => this.#token(ask))
    const known = this.#knownEmpty(tokens, now)
    if (known !== undefined) return known
    return new Promise((resolve) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#ask())
      this.#waiting.push({ asked, tokens, at: now, resolve })
    })
  }

  #ask(): void {
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length === 0) return
    const id = ++this.#nextId
    // In the next turn: where it was this worker that stood still, the answer has come by then.
    const late = this.#clock.after(ANSWER_MS, () => setImmediate(() => this.#giveUp(id)))
    this.#underWay.set(id, { waiting: batch, late })
    this.#send({ type: 'ask-tokens', id, groups: batch.map(({ tokens }) => tokens) })
  }

  /** The answer, when it comes after all, says that the supervisor is there again. */
  #giveUp(id: number): void {
    const batch = this.#underWay.get(id)
    if (batch === undefined) return
    this.#alone = true
    this.#underWay.set(id, { ...batch, waiting: [] })
    this.#countAlone(batch.waiting)
  }

  answered(id: number, groups: readonly (readonly TokenVerdict[])[]): void {
    const batch = this.#underWay.get(id)
    this.#underWay.delete(id)
    batch?.late.cancel()
    this.#alone = false
    for (const [i, { tokens, at, resolve }] of batch?.waiting.entries() ?? []) {
      const verdicts = groups[i]!.map(([taken, left, retryMs, fullMs]) => ({ taken, left, retryMs, fullMs }))
      this.#note(tokens, verdicts, at)
      resolve(verdicts)
    }
  }

  /** The supervisor has gone, and this worker drains: until then it counts for itself. */
  goOnAlone(): void {
    this.#alone = true
    for (const { waiting, late } of this.#underWay.values()) {
      late.cancel()
      this.#countAlone(waiting)
    }
    this.#underWay.clear()
    this.#countAlone(this.#waiting)
    this.#waiting = []
  }

  #countAlone(waiting: readonly Waiting[]): void {
    const now = this.#clock.monotonic()
    for (const { asked, resolve } of waiting) resolve(ownAllowance.take(asked, now) as readonly Verdict[])
  }

  #token(ask: Ask): TokenAsk {
    let number = this.#numbered.get(ask.limit)
    if (number === undefined) {
      number = this.#numberOf(ask)
      this.#numbered.set(ask.limit, number)
    }
    return [number, ask.key]
  }

  #numberOf(ask: Ask): number {
    const id = limitIdOf(ask)
    const known = this.#numbers.get(id)
    if (known !== undefined) return known
    const number = this.#numbers.size
    this.#numbers.set(id, number)
    this.#send({ type: 'limit', number, spec: { id, ...sizeOf(ask.limit.config) } })
    return number
  }

  /** Only where one limit holds: of several, the others' counts would have to be told, too. */
  #knownEmpty(tokens: readonly TokenAsk[], now: number): readonly Verdict[] | undefined {
    if (tokens.length !== 1) return undefined
    const empty = this.#empty.get(bucketOf(tokens[0]!))
    if (empty === undefined || empty.until <= now) return undefined
    return [{ taken: false, left: 0, retryMs: empty.until - now, fullMs: empty.fullAt - now }]
  }

  /** By the time of asking, not of the answer: so it is never refused here what would be let through there. */
  #note(tokens: readonly TokenAsk[], verdicts: readonly Verdict[], at: number): void {
    for (const [i, { taken, retryMs, fullMs }] of verdicts.entries()) {
      if (taken) continue
      const bucket = bucketOf(tokens[i]!)
      this.#empty.delete(bucket)
      this.#empty.set(bucket, { until: at + retryMs, fullAt: at + fullMs })
      dropOldest(this.#empty, EMPTY_MAX)
    }
  }
}

function bucketOf([limit, key]: TokenAsk): string {
  return `${limit} ${key}`
}
