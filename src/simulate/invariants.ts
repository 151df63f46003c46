/** What must hold in every simulation, whatever the policy. */
import type { ObservedCandidate, ObservedPick, Observer, Scenario, SimulationResult } from './contract.ts'

export interface InvariantOptions {
  /** The bound of the policy under test, if it has one; only without scopes. */
  readonly boundedLoad?: number | undefined
  /** Instances are alike and the policy gives each its share, so each must get something. */
  readonly noneStarves: boolean
}

/** An observer that throws where an invariant is broken. */
export class Invariants implements Observer {
  readonly #options: InvariantOptions
  readonly #inFlight = new Map<string, number>()

  constructor(options: InvariantOptions) {
    this.#options = options
  }

  picked(pick: ObservedPick): void {
    const { caller, instance, candidates } = pick
    for (const { id, inFlight } of candidates) this.#isCounted(caller, id, inFlight)
    const chosen = candidates.find(({ id }) => id === instance)
    must(chosen !== undefined, `${instance} was chosen, which is not registered`)
    this.#isFit(chosen!, pick)
    this.#add(caller, instance, 1)
  }

  retried(retries: number, calls: number): void {
    must(retries <= Math.max(3, Math.floor(calls / 5)), `${retries} retries beside ${calls} calls exceed the budget`)
  }

  ended(caller: number, instance: string, inFlight: number): void {
    this.#add(caller, instance, -1)
    this.#isCounted(caller, instance, inFlight)
  }

  finished({ requests, instances, events = [] }: Scenario, result: SimulationResult): void {
    for (const [key, count] of this.#inFlight) must(count === 0, `${count} requests to ${key} never ended`)
    must(result.requests === requests, `${result.requests} of ${requests} requests ended`)
    if (!this.#options.noneStarves || events.length > 0) return
    for (const { id } of instances) must(result.byInstance[id]! > 0, `${id} starved`)
  }

  #isFit(chosen: ObservedCandidate, { tried, candidates }: ObservedPick): void {
    const fresh = candidates.filter(({ id, healthy }) => healthy && !tried.has(id))
    const free = fresh.length > 0 ? fresh : candidates.filter(({ healthy }) => healthy)
    if (free.length === 0) return
    must(free.includes(chosen), `${chosen.id} was chosen, out or tried before, while ${free[0]!.id} was free`)
    const { boundedLoad } = this.#options
    if (boundedLoad === undefined || free !== fresh) return
    const slots = slotsOf(chosen, fresh, boundedLoad)
    must(chosen.inFlight < slots, `${chosen.id} has ${chosen.inFlight} requests and ${slots} slots, and got one more`)
  }

  #isCounted(caller: number, instance: string, inFlight: number): void {
    const count = this.#inFlight.get(`${caller} ${instance}`) ?? 0
    must(count >= 0 && count === inFlight, `${inFlight} requests to ${instance} are counted, ${count} are in flight`)
  }

  #add(caller: number, instance: string, change: number): void {
    const key = `${caller} ${instance}`
    this.#inFlight.set(key, (this.#inFlight.get(key) ?? 0) + change)
  }
}

/** Written anew from the definition in arXiv 1608.01350, so that it does not repeat a mistake of the policy's. */
function slotsOf({ weight }: ObservedCandidate, among: readonly ObservedCandidate[], factor: number): number {
  const inFlight = among.reduce((sum, one) => sum + one.inFlight, 0)
  const weights = among.reduce((sum, one) => sum + one.weight, 0)
  return Math.max(1, Math.ceil((Math.ceil(factor * (inFlight + 1) - 1e-9) * weight) / weights))
}

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`invariant broken: ${otherwise}`)
}
