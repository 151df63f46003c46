/** The instances of one service: how many, and one after the other. */
import { SkeinError } from '../core/errors.ts'
import type { ServiceSpec } from './contract.ts'
import type { Instance } from './instance.ts'

/** Time to drain when scaled down or restarted, ms: longer than at the end of all, because nobody waits at a terminal. */
export const DRAIN_MS = 10_000
/** More than one machine can sensibly run: a slip of the finger (`scale orders=5000`) must not take it down. */
export const INSTANCES_MAX = 256

export class Group {
  readonly spec: ServiceSpec
  readonly #create: (spec: ServiceSpec, ordinal: number) => Instance
  readonly #instances = new Map<number, Instance>()
  #count = 0
  /** What a restart brings back after a stop. */
  #countBeforeStop: number
  #rolling: Promise<void> = Promise.resolve()
  #closing = false

  constructor(spec: ServiceSpec, create: (spec: ServiceSpec, ordinal: number) => Instance) {
    this.spec = spec
    this.#create = create
    this.#countBeforeStop = Math.max(1, spec.instances)
  }

  /** By ordinal. Those beyond the count are leaving. */
  list(): Instance[] {
    return [...this.#instances.values()].sort((a, b) => a.ordinal - b.ordinal)
  }

  /** Those that belong to the service: one that is leaving cannot be restarted in a place that is no more. */
  members(): Instance[] {
    return this.list().filter((instance) => instance.ordinal <= this.#count)
  }

  /** Sets the count; takes effect at once, resolves when it is the case. */
  async scale(count: number): Promise<void> {
    this.#checkCount(count)
    // Before the count is touched: what leaves would belong to the service again, and could be brought back.
    if (this.#closing && count > 0) throw new SkeinError('SHUTTING_DOWN', `${this.spec.name} is stopping`)
    if (count === 0 && this.#count > 0) this.#countBeforeStop = this.#count
    this.#count = count
    for (let ordinal = 1; ordinal <= count; ordinal++) this.#at(ordinal).up()
    for (const instance of this.list().reverse()) if (instance.ordinal > count) instance.down(DRAIN_MS)
    await allSettled(this.list())
  }

  /**
   * One at a time; a second restart waits for the first. What is stopped after it was asked for stays stopped: so what was
   * stopped before comes back at once instead of in its turn, when nobody could tell the two stops apart.
   */
  restart(): Promise<void> {
    if (this.#count === 0) return this.scale(this.#countBeforeStop)
    const [running, stopped] = parted(this.members(), (instance) => instance.wanted)
    for (const instance of stopped) instance.up()
    const roll = async () => {
      await this.#roll(running)
      await allSettled(stopped)
    }
    this.#rolling = this.#rolling.then(roll, roll) // the error of an earlier one was its caller's affair
    return this.#rolling
  }

  /** Ends all for good, within `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    this.#count = 0
    for (const instance of this.list().reverse()) instance.down(graceMs)
    await allSettled(this.list())
  }

  /** To be called when `instance` has changed: forgets one that is no longer part of the service. */
  forget(instance: Instance): void {
    const over = instance.ordinal > this.#count && !instance.wanted && instance.state === 'stopped'
    if (over && this.#instances.get(instance.ordinal) === instance) this.#instances.delete(instance.ordinal)
  }

  /**
   * The new one takes the place, and with it the id and the fixed port, of the old, which goes first. Not chosen: starting
   * the new one before (no dip in capacity, but impossible with a fixed port, and two processes with one id).
   */
  async #roll(asked: readonly Instance[]): Promise<void> {
    for (const instance of asked) {
      const gone = this.#instances.get(instance.ordinal) !== instance || instance.ordinal > this.#count
      if (gone || !instance.wanted) continue
      instance.restart(DRAIN_MS)
      await instance.settled()
    }
  }

  #at(ordinal: number): Instance {
    const known = this.#instances.get(ordinal)
    if (known !== undefined) return known
    const created = this.#create(this.spec, ordinal)
    this.#instances.set(ordinal, created)
    return created
  }

  #checkCount(count: number): void {
    const most = this.spec.port === undefined ? INSTANCES_MAX : 1
    if (Number.isInteger(count) && count >= 0 && count <= most) return
    const why = this.spec.port === undefined ? '' : `, because it has the fixed port ${this.spec.port}`
    throw new SkeinError('INVALID_INPUT', `${this.spec.name} can have 0 to ${most} instances${why}; got ${count}`, {
      service: this.spec.name,
      hint: `Give a whole number from 0 to ${most}.`,
    })
  }
}

function allSettled(instances: readonly Instance[]): Promise<void> {
  return allDone(instances.map((instance) => instance.settled()))
}

function parted<T>(items: readonly T[], test: (item: T) => boolean): [yes: T[], no: T[]] {
  return [items.filter(test), items.filter((item) => !test(item))]
}

/** Waits for all, then throws the first failure: the others shall not be cut short by it. */
async function allDone(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
