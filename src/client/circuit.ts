/**
 * Whether a service is asked at all. Closed: yes. Open: no, for a while. Half-open: one call tries; its success closes, its failure
 * opens anew. Counts calls in ten slots of a window (Hystrix, retired in 2018 for limits that adapt; the shape is still what is
 * expected of a breaker). Pure: times are handed in.
 */
import { dropOldest } from '../core/bounded.ts'
import type { CircuitPolicy } from './guard-policy.ts'

export type CircuitState = 'closed' | 'open' | 'half-open'

const SLOTS = 10

/** Policies that are made anew for each call, such as a subset for each tenant, may be without end. */
export const WORDINGS_MAX = 256

/** The circuits of a service: one for all calls that ask for the same, so that they learn from each other. */
export class Circuits {
  readonly #byWording = new Map<string, Circuit>()

  of(policy: CircuitPolicy): Circuit {
    const { failureShare, minimum, windowS, openMs } = policy
    const wording = `${failureShare} ${minimum} ${windowS} ${openMs}`
    let circuit = this.#byWording.get(wording)
    if (circuit === undefined) {
      circuit = new Circuit(policy)
      this.#byWording.set(wording, circuit)
      dropOldest(this.#byWording, WORDINGS_MAX)
    }
    return circuit
  }

  areClosed(now: number): boolean {
    for (const circuit of this.#byWording.values()) if (circuit.state(now) !== 'closed') return false
    return true
  }
}

interface Slot {
  /** Which slot of time it stands for. */
  number: number
  calls: number
  failed: number
}

export class Circuit {
  readonly #slots: Slot[] = Array.from({ length: SLOTS }, () => ({ number: -1, calls: 0, failed: 0 }))
  readonly #failureShare: number
  readonly #minimum: number
  readonly #slotMs: number
  readonly #openMs: number
  /** While open: until when nobody is let through. */
  #openUntil: number | undefined
  #isTried = false

  constructor({ failureShare = 0.5, minimum = 20, windowS = 10, openMs = 5000 }: CircuitPolicy) {
    this.#failureShare = failureShare
    this.#minimum = minimum
    this.#slotMs = (windowS * 1000) / SLOTS
    this.#openMs = openMs
  }

  state(now: number): CircuitState {
    if (this.#openUntil === undefined) return 'closed'
    return now < this.#openUntil ? 'open' : 'half-open'
  }

  /** How long nobody is let through, ms. */
  closedIn(now: number): number {
    return Math.max(0, (this.#openUntil ?? now) - now)
  }

  /** True for a call that may go out. In half-open that is one, the `probe`, and it must be told how that ended. */
  enter(now: number): 'call' | 'probe' | undefined {
    if (this.#openUntil === undefined) return 'call'
    if (now < this.#openUntil || this.#isTried) return undefined
    this.#isTried = true
    return 'probe'
  }

  /** Undefined: the call says nothing of the service; its caller gave up, say. Returns true when the state has changed. */
  ended(kind: 'call' | 'probe', well: boolean | undefined, now: number): boolean {
    if (kind === 'probe') return this.#probed(well, now)
    if (well === undefined || this.#openUntil !== undefined) return false
    const slot = this.#slotAt(now)
    slot.calls++
    if (well) return false
    slot.failed++
    return this.#isBad(slot.number) && this.#open(now)
  }

  #probed(well: boolean | undefined, now: number): boolean {
    this.#isTried = false
    if (well === undefined) return false
    if (!well) return this.#open(now)
    this.#openUntil = undefined
    for (const slot of this.#slots) slot.number = -1
    return true
  }

  #open(now: number): true {
    this.#openUntil = now + this.#openMs
    return true
  }

  #isBad(latest: number): boolean {
    let calls = 0
    let failed = 0
    for (const slot of this.#slots) {
      if (slot.number <= latest - SLOTS) continue
      calls += slot.calls
      failed += slot.failed
    }
    return calls >= this.#minimum && failed > calls * this.#failureShare
  }

  #slotAt(now: number): Slot {
    const number = Math.floor(now / this.#slotMs)
    const slot = this.#slots[number % SLOTS]!
    if (slot.number !== number) {
      slot.number = number
      slot.calls = 0
      slot.failed = 0
    }
    return slot
  }
}
