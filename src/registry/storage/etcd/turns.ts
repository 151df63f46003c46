/**
 * Whose turn it is to write. Registries race for each write, and one whose writes take longer (large ones, a slow line to the
 * leader) would lose every race against another's small ones. So who has lost a few times puts down a key, and all others wait
 * until its write, which takes the key away, or for a second: then it has had its turn, and may ask for another one. The price: a put
 * that is no write, and only where there is a crowd.
 */
import type { Clock } from '../../../core/clock.ts'
import type { Logger } from '../../../core/log.ts'
import type { Etcd, EtcdEvent, Listing, Operation } from './contract.ts'
import type { Keys } from './keys.ts'
import type { Others } from './sync.ts'

export interface TurnTools {
  readonly etcd: Etcd
  readonly keys: Keys
  readonly clock: Clock
  readonly log: Logger
  /** Unique to this process. */
  readonly id: string
  /** That the key of one who died goes with; undefined before there is one. */
  lease(): string | undefined
}

const LOSSES_MAX = 3
/** A registry that is frozen, or has nothing to write any more, must not hold up the others until its lease ends. */
const PATIENCE_MS = 1000

export class Turns implements Others {
  readonly #tools: TurnTools
  /** Registry → revision at which it asked. */
  #asked = new Map<string, number>()
  #losses = 0
  #isAsking = false
  #wake: () => void = () => {}

  constructor(tools: TurnTools) {
    this.#tools = tools
  }

  /** Resolves when nobody has to go first who asked before this registry. */
  async wait(): Promise<void> {
    if (!this.#isBehind()) return
    const { clock } = this.#tools
    const over = Promise.withResolvers<void>()
    const timer = clock.after(PATIENCE_MS, () => {
      this.#passOver()
      over.resolve()
    })
    this.#wake = () => this.#isBehind() || over.resolve()
    await over.promise
    timer.cancel()
  }

  /** This registry lost a race. */
  async lost(): Promise<void> {
    const { etcd, keys, log, id, lease } = this.#tools
    const own = lease()
    if (++this.#losses < LOSSES_MAX || own === undefined) return
    this.#isAsking = true
    await etcd.put(keys.turns + id, '', own).catch((error) => {
      this.#isAsking = false
      log.debug({ err: error }, 'a turn to write could not be asked for')
    })
  }

  /** To be part of the next write. */
  get operations(): readonly Operation[] {
    return this.#isAsking ? [{ remove: this.#tools.keys.turns + this.#tools.id }] : []
  }

  /** This registry won. */
  won(): void {
    this.#losses = 0
    this.#isAsking = false
  }

  onListing({ found }: Listing): void {
    const { turns } = this.#tools.keys
    const there = found.filter(({ key }) => key.startsWith(turns))
    this.#asked = new Map(there.map(({ key, modRevision }) => [key.slice(turns.length), modRevision]))
    this.#wake()
  }

  onEvents(events: readonly EtcdEvent[]): void {
    const { turns } = this.#tools.keys
    for (const { key, removed, modRevision } of events) {
      if (!key.startsWith(turns)) continue
      if (removed) this.#asked.delete(key.slice(turns.length))
      else this.#asked.set(key.slice(turns.length), modRevision)
    }
    this.#wake()
  }

  #isBehind(): boolean {
    return [...this.#asked.values()].some((revision) => revision < this.#own)
  }

  /** Those who were waited for have had their turn. */
  #passOver(): void {
    const own = this.#own
    for (const [id, revision] of this.#asked) if (revision < own) this.#asked.delete(id)
  }

  get #own(): number {
    return this.#asked.get(this.#tools.id) ?? Number.POSITIVE_INFINITY
  }
}
