/**
 * Writes, one batch after the other. Each is a transaction on the condition that the last write is still the one which the
 * view had when it was decided; else another registry was faster, the view catches up and the batch is decided anew. So
 * all that `decide` read is guarded, not only what it writes, and no command has to say what it depends on. The price:
 * registries that write at the same moment take turns. Batches make up for it: what waits goes together.
 */
import { type Clock, sleep } from '../../../core/clock.ts'
import { SkeinError } from '../../../core/errors.ts'
import type { StorageEvents, View } from '../../storage.ts'
import { type Batch, takeBatch, type Waiting } from './batch.ts'
import type { Commit, Etcd, KeyValue } from './contract.ts'
import { storageError } from './error.ts'
import type { Follower } from './follower.ts'
import type { Health } from './health.ts'
import { decodeLastWrite, encodeLastWrite, type Keys } from './keys.ts'
import type { SessionLeases } from './session-leases.ts'
import type { Sync } from './sync.ts'
import type { Turns } from './turns.ts'

export interface WriterTools {
  readonly etcd: Etcd
  readonly keys: Keys
  readonly follower: Follower
  readonly sync: Sync
  readonly view: View
  readonly leases: SessionLeases
  readonly turns: Turns
  readonly clock: Clock
  readonly events: StorageEvents
  readonly health: Health
  /** Unique to this process. */
  readonly id: string
}

/** How long a batch that loses against other registries is tried again. */
const CONTEST_MS = 15_000
/** How long the view may take to show what etcd has accepted. */
const SHOW_MS = 10_000

export class Writer {
  readonly #tools: WriterTools
  readonly #queue: Waiting[] = []
  #sequence = 0
  #notBefore = 0
  #running: Promise<void> | undefined

  constructor(tools: WriterTools) {
    this.#tools = tools
  }

  write(decide: Waiting['decide']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ decide, resolve, reject })
      // Through a promise, so that writes of one turn of the event loop are one batch.
      this.#running ??= Promise.resolve().then(() => this.#run())
    })
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    let contestedSince: number | undefined
    while (this.#queue.length > 0) {
      await this.#letOthersFirst()
      const started = this.#tools.clock.monotonic()
      contestedSince ??= started
      const batch = this.#take()
      try {
        if (await this.#commit(batch)) this.#acknowledge(batch, started)
        else if (started - contestedSince < CONTEST_MS) {
          this.#queue.unshift(...batch.writes)
          await this.#tools.turns.lost()
          continue
        } else throw new SkeinError('STORAGE_FAILED', `etcd: other registries were faster for ${CONTEST_MS / 1000} s`)
      } catch (error) {
        this.#tools.health.failed(error)
        const failure = storageError(error)
        for (const waiting of batch.writes) waiting.reject(failure)
      }
      contestedSince = undefined
    }
    this.#running = undefined
  }

  /**
   * A registry nearer to etcd's leader would win every race. Where others write too, it waits for as long as its last
   * commit took before it makes another one. The price: half of its throughput, in which its batches grow.
   */
  async #letOthersFirst(): Promise<void> {
    const { follower, clock, id, turns } = this.#tools
    await turns.wait()
    if (follower.past.recent.every((one) => one.startsWith(id))) return
    const rest = this.#notBefore - clock.monotonic()
    if (rest > 0) await sleep(rest, clock)
  }

  #take(): Batch {
    const { view, keys, leases, follower } = this.#tools
    return takeBatch(this.#queue, view, follower.index, {
      keys,
      leases,
      has: (key) => follower.has(key),
      all: () => follower.keys,
    })
  }

  #acknowledge({ writes, operations }: Batch, started: number): void {
    const { events, clock, health, turns } = this.#tools
    const now = clock.monotonic()
    if (operations.length > 0) {
      health.worked()
      turns.won()
      events.onCommit?.(writes.length, now - started)
      this.#notBefore = now + now - started
    }
    for (const waiting of writes) waiting.resolve()
  }

  /** True when the batch is stored and shown, false when it has to be decided anew. */
  async #commit({ operations, records, leases }: Batch): Promise<boolean> {
    if (operations.length === 0) return true
    const { etcd, keys, follower, id } = this.#tools
    const own = `${id}:${++this.#sequence}`
    const revision = follower.last // of the view on which it was decided, hence before anything is waited for
    const mark = encodeLastWrite(revision, records, own, follower.past)
    for (const lease of leases) await this.#tools.leases.prepare(lease)
    const commit: Commit = {
      key: keys.lastWrite,
      revision,
      operations: [{ put: keys.lastWrite, value: mark }, ...operations, ...this.#tools.turns.operations],
    }
    const result = await etcd.commit(commit)
    if (result.succeeded) return this.#shown(result.revision)
    return this.#resolveConflict(own, result.found)
  }

  /** A commit whose answer was lost and that was sent again finds itself in its way: then it has happened. */
  async #resolveConflict(own: string, found: KeyValue | undefined): Promise<boolean> {
    const happened = decodeLastWrite(found?.value ?? '')?.past.latest.includes(own) === true
    await this.#shown(found?.modRevision ?? 0)
    return happened
  }

  async #shown(revision: number): Promise<true> {
    if (await this.#tools.sync.reached(revision, SHOW_MS)) return true
    throw new SkeinError('STORAGE_FAILED', `etcd is at revision ${revision}, but its watch does not show it; try again`)
  }
}
