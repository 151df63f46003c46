/**
 * An etcd cluster, shared by any number of registries. Each holds the whole state in memory and follows etcd by a watch;
 * etcd's revision is the index. Layout: `etcd/keys.ts`; the parts: `sync.ts` (listing and watching), `follower.ts` (what
 * to believe of it), `writer.ts`, `membership.ts` (who runs which check), `session-leases.ts`,
 * `gateway.ts` (HTTP).
 */
import { randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import { type Logger, silentLogger } from '../../core/log.ts'
import { type Random, systemRandom } from '../../core/random.ts'
import type { CheckSharing } from '../checks/sharing.ts'
import type { SessionTime } from '../session-time.ts'
import type { Decide, Storage, StorageEvents, View } from '../storage.ts'
import type { EtcdAccess } from './etcd/access.ts'
import { BYTES_MAX } from './etcd/batch.ts'
import type { Etcd } from './etcd/contract.ts'
import { storageError } from './etcd/error.ts'
import { Follower } from './etcd/follower.ts'
import { EtcdGateway } from './etcd/gateway.ts'
import { Health } from './etcd/health.ts'
import { Keys } from './etcd/keys.ts'
import { Membership } from './etcd/membership.ts'
import { SessionLeases } from './etcd/session-leases.ts'
import { Sync } from './etcd/sync.ts'
import { Turns } from './etcd/turns.ts'
import { Writer } from './etcd/writer.ts'

export interface EtcdOptions {
  /** `http://127.0.0.1:2379` or `https://…`, one or several members of one cluster. */
  readonly endpoints: readonly string[]
  /** Before every key, default `/skein`: registries with the same one are the same registry. */
  readonly prefix?: string | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly log?: Logger | undefined
  /** Default: nobody in particular, without TLS. */
  readonly access?: EtcdAccess | undefined
  /** In place of the cluster at `endpoints`; for tests. */
  readonly etcd?: Etcd | undefined
}

export const DEFAULT_PREFIX = '/skein'

export class EtcdStorage implements Storage {
  readonly #options: EtcdOptions
  readonly #events: StorageEvents
  readonly #clock: Clock
  readonly #log: Logger
  readonly #etcd: Etcd
  #open: { sync: Sync; writer: Writer; membership: Membership; leases: SessionLeases; health: Health } | undefined
  #closing: Promise<void> | undefined

  constructor(options: EtcdOptions, events: StorageEvents = {}) {
    this.#options = options
    this.#events = events
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silentLogger
    this.#etcd = options.etcd ?? new EtcdGateway({ ...options, clock: this.#clock })
  }

  async open(view: View): Promise<void> {
    const { prefix = DEFAULT_PREFIX, random = systemRandom } = this.#options
    this.#warnOfPlainPassword()
    const keys = new Keys(prefix, (key, err) => this.#log.error({ key, err }, 'a record in etcd is damaged; left out'))
    const follower = new Follower(keys)
    const etcd = this.#etcd
    const clock = this.#clock
    const id = randomUUID()
    const health = new Health(etcd, keys, this.#events)
    const leases = new SessionLeases({ etcd, keys, clock })
    const membership = new Membership({ etcd, keys, clock, log: this.#log, id })
    const turns = new Turns({ etcd, keys, clock, log: this.#log, id, lease: () => membership.lease })
    const sync = new Sync({ etcd, keys, follower, clock, random, log: this.#log, health, id }, view, [
      membership,
      leases,
      turns,
    ])
    const writer = new Writer({
      etcd,
      keys,
      follower,
      sync,
      view,
      leases,
      turns,
      clock,
      events: this.#events,
      health,
      id,
    })
    try {
      await sync.open()
    } catch (error) {
      await etcd.close()
      throw storageError(error)
    }
    this.#open = { sync, writer, membership, leases, health }
  }

  #warnOfPlainPassword(): void {
    const { endpoints, access = {} } = this.#options
    const open = endpoints.find((url) => url.startsWith('http:') && !/^http:\/\/(localhost|127\.|\[::1\])/.test(url))
    if (access.user === undefined || open === undefined) return
    this.#log.warn({ etcd: open }, 'the password for etcd crosses the network in the clear; use TLS (etcds://)')
  }

  write(decide: Decide): Promise<void> {
    if (this.#open !== undefined && this.#closing === undefined) return this.#open.writer.write(decide)
    return Promise.reject(new SkeinError('STORAGE_FAILED', 'the etcd storage is closed'))
  }

  readonly writeMaxBytes = BYTES_MAX

  get failure(): SkeinError | undefined {
    return this.#open?.health.failure
  }

  get sharing(): CheckSharing | undefined {
    return this.#open?.membership
  }

  get sessionTime(): SessionTime | undefined {
    return this.#open?.leases
  }

  async catchUp(strict = false): Promise<boolean> {
    return (await this.#open?.sync.catchUp(strict)) ?? false
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#open?.writer.idle()
    await this.#open?.membership.close()
    this.#open?.sync.close()
    await this.#etcd.close()
  }
}
