/**
 * What lies where in etcd, below a prefix of the registry's own:
 *
 * - `<prefix>/record/<kind>/<key>`: a record, its body as JSON
 * - `<prefix>/last-write`: which write was the last; part of every write, see LastWrite
 * - `<prefix>/alive/<session>`: its time is not over, on a lease (session-leases.ts)
 * - `<prefix>/turn/<id>`: a registry that lost too many races for a write (turns.ts)
 * - `<prefix>/node/<id>`: a registry that lives, on a lease; `<prefix>/beat/<id>`: beats that it passes on
 */
import type { Change, Indexes, Kind, StoredRecord } from '../../state/records.ts'
import type { EtcdEvent, KeyValue } from './contract.ts'

/** How many writes back tell who writes at present. */
const RECENT = 8
/** Of how many writers the last write is known. */
const WRITERS = 64

/**
 * The value of `last-write`. Every write compares the key's revision with the one it decided on and puts a new value, so
 * writes are strictly one after the other, whoever makes them, and each names its predecessor: a follower that misses
 * one, or a part of one, notices.
 */
export interface LastWrite {
  /** Revision of the write before; 0 = none. */
  readonly after: number
  /** Records that it put or removed. */
  readonly count: number
  readonly past: Past
}

export interface Past {
  /** IDs of this write and of those before it, newest first. */
  readonly recent: readonly string[]
  /**
   * The last write of each writer, newest first: tells one who got no answer whether his write got through, however many
   * others have written since. For each writes one after the other.
   */
  readonly latest: readonly string[]
}

export const NO_PAST: Past = { recent: [], latest: [] }

export class Keys {
  /** Of everything; a watch on it sees it all in order. */
  readonly all: string
  readonly lastWrite: string
  /** Before the ID of a session whose time is not over. */
  readonly alive: string
  readonly turns: string
  readonly nodes: string
  readonly beats: string
  readonly #records: string
  readonly #onDamage: (key: string, error: unknown) => void

  /** `onDamage` hears of records whose value is not JSON. They count as absent: one bad value must not stop the rest. */
  constructor(prefix: string, onDamage: (key: string, error: unknown) => void) {
    this.#onDamage = onDamage
    this.all = `${prefix}/`
    this.lastWrite = `${prefix}/last-write`
    this.alive = `${prefix}/alive/`
    this.turns = `${prefix}/turn/`
    this.nodes = `${prefix}/node/`
    this.beats = `${prefix}/beat/`
    this.#records = `${prefix}/record/`
  }

  record(kind: Kind, key: string): string {
    return `${this.#records}${kind}/${key}`
  }

  /** Kind and key of a record, or undefined when it is the key of something else. */
  parseRecord(key: string): { kind: Kind; key: string } | undefined {
    if (!key.startsWith(this.#records)) return undefined
    const slash = key.indexOf('/', this.#records.length)
    return slash < 0 ? undefined : { kind: key.slice(this.#records.length, slash) as Kind, key: key.slice(slash + 1) }
  }

  /** Undefined for what is no record. */
  toRecord(found: KeyValue): StoredRecord | undefined {
    const name = this.parseRecord(found.key)
    const body = name === undefined ? null : this.#parseBody(found)
    return body === null ? undefined : ({ ...name, body, ...indexesOf(found) } as StoredRecord)
  }

  /** Undefined for what is no record. */
  toChange(event: EtcdEvent): Change | undefined {
    const name = this.parseRecord(event.key)
    if (name === undefined) return undefined
    const body = event.removed ? null : this.#parseBody(event)
    return { ...name, body, ...(body === null ? {} : { indexes: indexesOf(event) }) } as Change
  }

  #parseBody({ key, value }: KeyValue): unknown {
    try {
      return JSON.parse(value)
    } catch (error) {
      this.#onDamage(key, error)
      return null
    }
  }
}

function indexesOf({ createRevision, modRevision }: KeyValue): Indexes {
  return { CreateIndex: createRevision, ModifyIndex: modRevision }
}

/** A write's ID is that of its writer, a colon and a number. */
export function encodeLastWrite(after: number, count: number, id: string, { recent, latest }: Past): string {
  const writer = id.slice(0, id.lastIndexOf(':') + 1)
  const others = latest.filter((one) => !one.startsWith(writer))
  const past = { recent: [id, ...recent].slice(0, RECENT), latest: [id, ...others].slice(0, WRITERS) }
  const value: LastWrite = { after, count, past }
  return JSON.stringify(value)
}

/** Undefined when it was written by something else than Skein. */
export function decodeLastWrite(value: string): LastWrite | undefined {
  try {
    const parsed = JSON.parse(value) as Partial<LastWrite> | null
    const { after, count, past } = parsed ?? {}
    const lists = Array.isArray(past?.recent) && Array.isArray(past.latest)
    return typeof after === 'number' && typeof count === 'number' && lists ? { after, count, past: past! } : undefined
  } catch {
    return undefined // what it was is of no use to anyone; the follower lists everything anew
  }
}
