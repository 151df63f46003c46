/**
 * Which endpoints are not to be chosen, judged by traffic alone. Four ways out:
 * - failures: so many in a row (answers that mean failure, broken connections, timeouts);
 * - rates: far more failures than the others had, of the answers of some seconds (`success-rate.ts`); said with its next failure;
 * - refused: a connection refused says that the process is gone, so once is enough, for a short time;
 * - silence: requests are waiting and nothing has been answered for a second. A frozen process accepts connections and looks
 *   healthy to everything but this. It needs no timer: it is seen when somebody asks.
 *
 * One way back: when the time is over one live request is let through as a probe. Its answer brings the endpoint back, its
 * failure ejects it again, for longer. Any answer at all ends silence at once, because it refutes it.
 *
 * When half are out Envoy ignores health. Here that is a scope and off (`scope/panic.ts`): with one healthy endpoint of three, sending two
 * thirds to frozen ones fails more requests than a full healthy one does, and overload is what retry budgets and limits are for. Only
 * when none is left is health ignored: a chooser whose pick came back empty picks again without `eligible`, and an answer to such
 * a request brings its endpoint back.
 */
import type { Clock } from '../core/clock.ts'
import { type EjectionTimes, ejectionMs, mayEject, unforgiven } from './ejection.ts'
import { lowRates, type RateLimits } from './success-rate.ts'

/** `refused`: nobody listens. `connection`: broken off or not established in time. `status`: an answer such as 502. */
export type FailureKind = 'refused' | 'connection' | 'status' | 'timeout'

export interface OutlierOptions {
  readonly clock: Clock
  /** Failures in a row that eject; default 5. */
  readonly failures?: number | undefined
  /** No answer for so long while requests wait ejects, ms; default 1000. Infinity = never. */
  readonly silenceMs?: number | undefined
  /** First ejection after a refused connection, ms; default 250. Grows by itself with each, up to `baseMs`. */
  readonly refusedMs?: number | undefined
  /** First ejection, ms; default 2000 (Envoy 30,000). Grows by itself with each in a row. */
  readonly baseMs?: number | undefined
  /** Longest ejection, ms; default 30,000 (Envoy 300,000). */
  readonly maxMs?: number | undefined
  /** Each full interval in health forgives one past ejection, and rates are compared at its end, ms; default 10,000. */
  readonly sweepMs?: number | undefined
  /** A success rate so many standard deviations below the mean ejects; default 1.9. Infinity = never. */
  readonly stdevFactor?: number | undefined
  /** But only so many percent below the mean; default 10 (Envoy 0). */
  readonly gapPercent?: number | undefined
  /** So many percent of failures eject; default 85. Above 100 = never. */
  readonly failurePercent?: number | undefined
  /** At most so many percent are out at a time, but one always may be; default 100 (Envoy 10). */
  readonly maxEjectedPercent?: number | undefined
  /** Told of each ejection, and of each return (undefined), that came of the traffic seen here. */
  readonly onChange?: ((id: string, ejection: Ejection | undefined) => void) | undefined
}

/** What another that calls the same endpoints is told. */
export interface Ejection {
  readonly why: 'silent' | 'failures' | 'refused'
  readonly forMs: number
  /** Ejections that are not forgiven, this one included. */
  readonly times: number
}

export interface OutlierState {
  readonly eligible: boolean
  /** For people: `silent for 1.2 s`, `ejected: 5 failures in a row, back in 1.4 s`. */
  readonly reason?: string
  /** It is out because another said so, who has counted it. */
  readonly told?: true
}

/** For every `started` exactly one of `answered`, `failed`, `cancelled`, `outpaced` follows. */
export interface Outlier {
  /** A request is sent. Not for tunnels and other requests whose answer may rightly take minutes. */
  started(id: string): void
  /** The head of an answer has come, and it does not count as failure. */
  answered(id: string): void
  failed(id: string, kind: FailureKind): void
  /** The caller gave up: that says nothing about the endpoint. */
  cancelled(id: string): void
  /** Given up because another endpoint had answered. Else it would wait still: so silence goes on counting, and a probe is not over. */
  outpaced(id: string): void
  /** May it be chosen? `now` (monotonic ms) saves reading the clock for each of many. */
  eligible(id: string, now?: number): boolean
  /** True when nobody is out. O(1) nearly always: all are looked at only when something may have changed by itself. */
  allIn(now?: number): boolean
  /** Another number whenever `eligible` may answer otherwise than before. O(1) nearly always, as `allIn`. */
  version(now?: number): number
  /** The same with the reason, for `explain`. */
  state(id: string): OutlierState
  /** Another that calls the same endpoints has ejected it, or (undefined) had an answer of it. `onChange` is not told. */
  tell(id: string, ejection: Ejection | undefined): void
  /** Forgets all others. The members count for `maxEjectedPercent`. */
  retain(ids: Iterable<string>): void
}

interface Out {
  readonly why: Ejection['why']
  /** For people: the failures that led to it. */
  readonly failures: string
  readonly until: number
  /** When the request was sent whose answer decides, if one is under way. */
  probeSince: number | undefined
  /** Another said so. */
  readonly told?: true
}

interface Health {
  readonly id: string
  pending: number
  /** Since when requests have been waiting without any answer. */
  waitingSince: number
  /** How long requests had been waiting that were given up; added to the next wait, ms. */
  waitedMs: number
  failures: number
  /** Answers of this interval. */
  well: number
  failed: number
  /** What there is to say of its rate in the interval before; undefined = nothing against it. */
  low: string | undefined
  /** Ejections so far that are not forgiven. */
  times: number
  backSince: number
  out: Out | undefined
}

export function createOutlier(options: OutlierOptions): Outlier {
  return new TrafficJudge(options)
}

class TrafficJudge implements Outlier {
  readonly #clock: Clock
  readonly #limits: { readonly failures: number; readonly silenceMs: number }
  readonly #times: EjectionTimes
  readonly #refusedTimes: EjectionTimes
  readonly #maxEjectedPercent: number
  readonly #rates: RateLimits
  readonly #onChange: NonNullable<OutlierOptions['onChange']>
  readonly #known = new Map<string, Health>()
  /** How many are out. */
  #out = 0
  #version = 0
  /** Monotonic ms before which time alone changes nothing: no silence becomes too long, and no ejection is over. */
  #stillUntil = Number.NEGATIVE_INFINITY
  /** When the interval ends of which answers are counted. */
  #sweepAt: number

  constructor(options: OutlierOptions) {
    const { clock, failures = 5, silenceMs = 1000, refusedMs = 250 } = options
    const { baseMs = 2000, maxMs = 30_000, sweepMs = 10_000, maxEjectedPercent = 100 } = options
    this.#clock = clock
    this.#onChange = options.onChange ?? (() => {})
    this.#limits = { failures, silenceMs }
    this.#times = { baseMs, maxMs, sweepMs }
    this.#refusedTimes = { baseMs: refusedMs, maxMs: baseMs, sweepMs }
    this.#maxEjectedPercent = maxEjectedPercent
    const { stdevFactor = 1.9, gapPercent = 10, failurePercent = 85 } = options
    this.#rates = { stdevFactor, gapPercent, failurePercent }
    this.#sweepAt = clock.monotonic() + sweepMs
  }

  started(id: string): void {
    const now = this.#clock.monotonic()
    const health = this.#settled(id, now)
    if (health.pending++ === 0) this.#beginToWait(health, now)
    if (health.out !== undefined && health.out.probeSince === undefined) this.#probe(health.out, now)
  }

  answered(id: string): void {
    const now = this.#clock.monotonic()
    const health = this.#healthOf(id)
    health.pending = Math.max(0, health.pending - 1)
    health.failures = 0
    this.#sweep(now)
    health.well++
    if (health.out?.probeSince !== undefined) this.#recover(health, now)
    this.#heard(health, now)
  }

  failed(id: string, kind: FailureKind): void {
    const now = this.#clock.monotonic()
    const health = kind === 'status' ? this.#healthOf(id) : this.#settled(id, now)
    health.pending = Math.max(0, health.pending - 1)
    health.failures++
    this.#sweep(now)
    health.failed++
    if (kind === 'status') this.#heard(health, now)
    if (health.out !== undefined) this.#failedAgain(health, health.out, kind, now)
    else if (kind === 'refused') this.#eject(health, 'refused', now)
    else if (health.failures >= this.#limits.failures) this.#eject(health, 'failures', now)
    else if (health.low !== undefined) this.#eject(health, 'failures', now, health.low)
  }

  cancelled(id: string): void {
    const health = this.#settled(id, this.#clock.monotonic())
    health.pending = Math.max(0, health.pending - 1)
    if (health.out !== undefined) this.#probe(health.out, undefined)
  }

  outpaced(id: string): void {
    const now = this.#clock.monotonic()
    const health = this.#settled(id, now)
    health.pending = Math.max(0, health.pending - 1)
    if (health.pending === 0) health.waitedMs = now - health.waitingSince
  }

  eligible(id: string, now = this.#clock.monotonic()): boolean {
    if (!this.#known.has(id)) return true
    const { out } = this.#settled(id, now)
    return out === undefined || (now >= out.until && out.probeSince === undefined)
  }

  allIn(now = this.#clock.monotonic()): boolean {
    if (now >= this.#stillUntil) this.#settleAll(now)
    return this.#out === 0
  }

  version(now = this.#clock.monotonic()): number {
    if (now >= this.#stillUntil) this.#settleAll(now)
    return this.#version
  }

  state(id: string): OutlierState {
    const now = this.#clock.monotonic()
    const eligible = this.eligible(id, now)
    const health = this.#known.get(id)
    if (health?.out === undefined) return { eligible }
    const { told } = health.out
    return { eligible, reason: reasonOf(health, health.out, now), ...(told && { told }) }
  }

  tell(id: string, ejection: Ejection | undefined): void {
    const now = this.#clock.monotonic()
    const health = this.#healthOf(id)
    if (ejection === undefined) {
      health.failures = 0
      health.waitingSince = now
      health.waitedMs = 0
      if (health.out !== undefined) this.#comeIn(health, now)
    } else if (health.out !== undefined || this.#mayEject()) {
      const { why, forMs, times } = ejection
      const { out } = health
      // One that is out by what was met here stays so.
      const said = out === undefined || out.told ? { why, failures: '', told: true as const } : out
      health.times = Math.max(health.times, times)
      this.#goOut(health, { ...said, until: Math.max(out?.until ?? 0, now + forMs), probeSince: out?.probeSince })
    }
  }

  retain(ids: Iterable<string>): void {
    const members = new Set(ids)
    for (const health of this.#known.values()) {
      if (members.has(health.id)) continue
      if (health.out !== undefined) this.#comeIn(health, 0)
      this.#known.delete(health.id)
    }
    for (const id of members) this.#healthOf(id)
  }

  /** At the end of an interval. It needs no timer: whose answers are judged has some. */
  #sweep(now: number): void {
    if (now < this.#sweepAt) return
    this.#sweepAt = now + this.#times.sweepMs
    const all = [...this.#known.values()]
    const low = lowRates(all, this.#rates)
    for (const health of all) {
      health.low = low.get(health)
      health.well = 0
      health.failed = 0
    }
  }

  #beginToWait(health: Health, now: number): void {
    health.waitingSince = now - health.waitedMs
    health.waitedMs = 0
    this.#stillUntil = Math.min(this.#stillUntil, health.waitingSince + this.#limits.silenceMs)
  }

  #settleAll(now: number): void {
    for (const id of this.#known.keys()) this.#settled(id, now)
    this.#version++
    this.#stillUntil = Number.POSITIVE_INFINITY
    for (const health of this.#known.values()) {
      this.#stillUntil = Math.min(this.#stillUntil, changesAt(health, now, this.#limits.silenceMs))
    }
  }

  /** The endpoint's record with what only time has changed brought up to date: silence that has become too long. */
  #settled(id: string, now: number): Health {
    const health = this.#healthOf(id)
    const { out, pending, waitingSince } = health
    const { silenceMs } = this.#limits
    if (out === undefined) {
      if (pending > 0 && now - waitingSince >= silenceMs) this.#eject(health, 'silent', waitingSince + silenceMs)
    } else if (out.probeSince !== undefined && now >= out.until && now - out.probeSince >= silenceMs) {
      this.#eject(health, 'silent', Math.max(out.until, out.probeSince + silenceMs))
    }
    return health
  }

  #healthOf(id: string): Health {
    let health = this.#known.get(id)
    if (health === undefined) {
      const counts = { pending: 0, failures: 0, well: 0, failed: 0, times: 0 }
      health = { id, ...counts, waitingSince: 0, waitedMs: 0, backSince: 0, low: undefined, out: undefined }
      this.#known.set(id, health)
    }
    return health
  }

  #eject(health: Health, why: Out['why'], since: number, failures = inARow(health.failures)): void {
    if (health.out === undefined && !this.#mayEject()) return
    const healthyMs = health.out === undefined ? since - health.backSince : 0
    health.times = unforgiven(health.times, healthyMs, this.#times.sweepMs) + 1
    const until = since + ejectionMs(health.times, why === 'refused' ? this.#refusedTimes : this.#times)
    this.#goOut(health, { why, failures, until, probeSince: undefined })
    this.#onChange(health.id, { why, forMs: Math.max(0, until - this.#clock.monotonic()), times: health.times })
  }

  #mayEject(): boolean {
    return mayEject(this.#out, this.#known.size, this.#maxEjectedPercent)
  }

  /** A failure of an ejected endpoint: only that of a probe after the time counts, others were under way before. */
  #failedAgain(health: Health, out: Out, kind: FailureKind, now: number): void {
    if (out.probeSince === undefined) return
    if (now < out.until) this.#probe(out, undefined)
    else if (kind === 'refused') this.#eject(health, 'refused', now)
    else this.#eject(health, kind === 'timeout' && out.why === 'silent' ? 'silent' : 'failures', now)
  }

  /** Something has been answered, well or badly: silence is refuted, and before its time is over it is forgiven as well. */
  #heard(health: Health, now: number): void {
    health.waitingSince = now
    health.waitedMs = 0
    if (health.out?.why !== 'silent') return
    if (now < health.out.until) health.times--
    this.#recover(health, now)
  }

  #recover(health: Health, now: number): void {
    this.#comeIn(health, now)
    this.#onChange(health.id, undefined)
  }

  #probe(out: Out, since: number | undefined): void {
    out.probeSince = since
    this.#stillUntil = Number.NEGATIVE_INFINITY
  }

  #goOut(health: Health, out: Out): void {
    if (health.out === undefined) this.#out++
    health.out = out
    this.#stillUntil = Number.NEGATIVE_INFINITY
  }

  #comeIn(health: Health, now: number): void {
    if (health.out !== undefined) this.#out--
    health.out = undefined
    health.low = undefined
    health.backSince = now
    this.#stillUntil = Number.NEGATIVE_INFINITY
  }
}

/** When time alone will change who it is, or what is decided by its probe, monotonic ms. */
function changesAt({ out, pending, waitingSince }: Health, now: number, silenceMs: number): number {
  if (out === undefined) return pending > 0 ? waitingSince + silenceMs : Number.POSITIVE_INFINITY
  if (out.probeSince !== undefined) return Math.max(out.until, out.probeSince + silenceMs)
  return out.until > now ? out.until : Number.POSITIVE_INFINITY
}

const WORDS = { silent: 'silence', failures: 'failures', refused: 'connection refused' } as const

function reasonOf(health: Health, out: Out, now: number): string {
  const wait = now < out.until ? `back in ${seconds(out.until - now)}` : 'one probe decides'
  if (out.told === true) return `ejected: ${WORDS[out.why]} elsewhere, ${wait}`
  if (out.why === 'refused') return `ejected: connection refused, ${wait}`
  if (out.why === 'silent') return `silent for ${seconds(now - health.waitingSince)}, ${wait}`
  return `ejected: ${out.failures}, ${wait}`
}

function inARow(failures: number): string {
  return `${failures} ${failures === 1 ? 'failure' : 'failures'} in a row`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
