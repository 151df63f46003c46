/** Keeps what upstreams answer and gives it again, for all routes of a gateway. */

import { dropOldest } from '../../core/bounded.ts'
import type { Clock } from '../../core/clock.ts'
import { header, type RawHeaders, withoutHeaders } from '../../core/headers.ts'
import { ownText } from '../../core/own-text.ts'
import { wholeBody } from '../compress.ts'
import { discard } from '../discard.ts'
import type { Parts, UpstreamAnswer } from '../exchange.ts'
import type { Cache } from '../rule/cache.ts'
import { directivesOf } from './directives.ts'
import { Flights } from './flights.ts'
import { ageOnArrival, isNotModified, isStorable, lifetimeOf } from './freshness.ts'
import { CacheMemory } from './memory.ts'
import { Note, NotingBudget } from './notes.ts'
import { type CacheRequest, stateOf } from './request.ts'
import type { Kept, Store } from './store.ts'
import { tee } from './tee.ts'

/** Of a 304, these say nothing new about what is kept; of an answer, a 304 does not have them. */
const OF_CONTENT: ReadonlySet<string> = new Set(['content-length', 'content-encoding', 'content-type', 'content-range'])
const AGE: ReadonlySet<string> = new Set(['age'])
/** Changes that are remembered, so that what was asked for before one is not kept after it. */
const CHANGES_MAX = 10_000

/** A request to the upstream, and what was kept when it began. */
export interface Fetch {
  readonly request: CacheRequest
  readonly config: Cache['config']
  readonly kept: Kept | undefined
  /** Monotonic ms: an answer is as old as the request for it (RFC 9111 §4.2.3). */
  readonly askedAt: number
  /** They are counted: those up to some number had begun when something was changed. */
  readonly nth: number
  /** Tells those who wait whether something was kept. Idempotent: the first word counts. */
  readonly end: (kept: boolean) => void
}

export class Keeper {
  readonly flights: Flights
  readonly #clock: Clock
  readonly #budget: NotingBudget
  readonly #memory: CacheMemory
  #begun = 0
  /** Keys, and how many had begun when what they stand for was changed. */
  readonly #changes = new Map<string, number>()

  constructor(clock: Clock, budget: NotingBudget, memory: CacheMemory) {
    this.#clock = clock
    this.#budget = budget
    this.#memory = memory
    this.flights = new Flights(clock)
  }

  /** Where the upstream would have to be asked, waits for a request that is under way for the same. */
  async lookUp({ store, key, fields }: CacheRequest): Promise<Kept | undefined> {
    this.#memory.used(store)
    const kept = store.get(key, fields)
    const isNeeded = kept === undefined || stateOf(kept, this.ageOf(kept), fields) === 'old'
    const flight = isNeeded ? this.flights.waitFor(key) : undefined
    if (flight === undefined) return kept
    await flight
    return store.get(key, fields)
  }

  begin(request: CacheRequest, config: Cache['config'], kept: Kept | undefined): Fetch {
    const [askedAt, nth] = [this.#clock.monotonic(), ++this.#begun]
    return { request, config, kept, askedAt, nth, end: this.flights.begin(request.key) }
  }

  /** What is kept is untrue from now on, and so is what is on its way. */
  forget({ store, key }: { readonly store: Store; readonly key: string }): void {
    store.delete(key)
    this.#changes.delete(key)
    this.#changes.set(ownText(key), this.#begun)
    dropOldest(this.#changes, CHANGES_MAX)
  }

  /** What the upstream answered, noted as it passes; where it confirmed what is kept, that. */
  take(fetch: Fetch, answer: UpstreamAnswer): UpstreamAnswer {
    const { request, config, kept, end } = fetch
    const { status, headers, source } = answer
    if (status === 304 && kept !== undefined) {
      discard(source, this.#clock)
      const confirmed = { ...kept, headers: refreshed(kept.headers, headers) }
      return this.present(request, this.#confirmed(fetch, confirmed, ageOnArrival(headers)))
    }
    if (!this.#mayKeep(fetch, status, headers)) {
      // It is no longer as it was kept. A failure says nothing of that, and a 304 is for what the client has.
      if (status < 500 && status !== 304) request.store.delete(request.key)
      end(false)
      return answer
    }
    const note = new Note(this.#budget, config.maxBodyBytes, lengthOf(headers))
    const passing = tee(source, note, (body) => {
      if (body === undefined) end(false)
      else this.#note(fetch, { status, headers: withoutHeaders(headers, AGE), body }, ageOnArrival(headers))
    })
    return { status, headers, source: passing }
  }

  /** A 304 may bring what is for one client alone, a cookie or `private`: then it is given to that one and no other. */
  #confirmed(fetch: Fetch, confirmed: Kept, age: number): Kept {
    const { request, askedAt, end } = fetch
    if (this.#mayKeep(fetch, confirmed.status, confirmed.headers)) return this.#note(fetch, confirmed, age)
    request.store.delete(request.key)
    end(false)
    return { ...confirmed, age, at: askedAt }
  }

  #mayKeep({ request: { fields, personal }, config }: Fetch, status: number, headers: RawHeaders): boolean {
    return isStorable({ headers: fields, personal }, status, headers, config.defaultSeconds)
  }

  #note(
    { request, config, askedAt, nth, end }: Fetch,
    { status, headers, body }: Pick<Kept, 'status' | 'headers' | 'body'>,
    age: number,
  ): Kept {
    const lifetime = lifetimeOf(headers, directivesOf(headers), config.defaultSeconds)
    const kept = { status, headers: headers.map(ownText), body, lifetime, age, at: askedAt }
    if (nth <= (this.#changes.get(request.key) ?? 0)) {
      end(false)
      return kept
    }
    request.store.put(request.key, request.fields, kept)
    this.#memory.trim()
    end(true)
    return kept
  }

  /** As this client wants it: 304 if it has it already. */
  present({ exchange }: CacheRequest, kept: Kept): UpstreamAnswer {
    const headers = [...kept.headers, 'age', String(Math.floor(this.ageOf(kept)))]
    if (kept.status === 200 && isNotModified(exchange.head.headers, kept.headers)) {
      return { status: 304, headers: withoutHeaders(headers, OF_CONTENT), source: wholeBody(new Uint8Array()) }
    }
    return { status: kept.status, headers, source: wholeBody(kept.body) }
  }

  /** In s. */
  ageOf({ age, at }: Kept): number {
    return age + (this.#clock.monotonic() - at) / 1000
  }
}

/** One for all routes. */
export function keeperOf({ clock, limits }: Pick<Parts, 'clock' | 'limits'>): Keeper {
  return new Keeper(clock, new NotingBudget(limits.notingBytes), new CacheMemory(limits.keptBytes))
}

/** RFC 9111 §3.2: the fields of a 304 take the place of those kept. */
function refreshed(kept: RawHeaders, confirmed: RawHeaders): string[] {
  const fields = withoutHeaders(withoutHeaders(confirmed, OF_CONTENT), AGE)
  const names = new Set(fields.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()))
  return [...withoutHeaders(kept, names), ...fields]
}

function lengthOf(headers: RawHeaders): number | undefined {
  const length = header(headers, 'content-length')
  return length === undefined ? undefined : Number(length)
}
