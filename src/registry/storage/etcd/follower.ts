/**
 * Turns listings and watch messages into changes of the view. A state machine without I/O: it trusts no message further
 * than it can check. Every write names the one before it and how many records it holds (LastWrite in keys.ts), so what
 * is duplicated or comes late is dropped, and what is missing is noticed; then everything is listed anew.
 */
import type { Change, StoredRecord } from '../../state/records.ts'
import type { EtcdEvent, KeyValue, Listing, WatchMessage } from './contract.ts'
import { decodeLastWrite, type Keys, NO_PAST, type Past } from './keys.ts'

/** One write: changes that became visible together. */
export interface Step {
  readonly changes: readonly Change[]
  readonly index: number
  /** ID of the write. */
  readonly id: string
}

export interface Listed extends Omit<Step, 'id'> {
  /** The store has gone back in time (a restored backup): `changes` replace everything, indexes go down. */
  readonly rewound: boolean
  /** There are differences although the last write is the one that was known: something was lost or tampered with. */
  readonly unexplained: boolean
}

export interface Heard {
  readonly steps: readonly Step[]
  /** Events of keys that are no records: nodes and beats. */
  readonly others: readonly EtcdEvent[]
  /** Why everything has to be listed anew. What came before the gap is in `steps`. */
  readonly gap?: string
}

export class Follower {
  readonly #keys: Keys
  /** Key in etcd → revision of its last change, for every record in the view. */
  readonly #known = new Map<string, number>()
  #last = 0
  #past = NO_PAST
  /** The highest revision that any message carried. */
  #revision = 0
  #index = 0
  #cluster = ''

  constructor(keys: Keys) {
    this.#keys = keys
  }

  /** Revision of the last write in the view: what the next write is compared with. */
  get last(): number {
    return this.#last
  }

  /** The index of the view. */
  get index(): number {
    return this.#index
  }

  /** Who wrote last. */
  get past(): Past {
    return this.#past
  }

  /** In etcd, of every record. */
  get keys(): Iterable<string> {
    return this.#known.keys()
  }

  has(key: string): boolean {
    return this.#known.has(key)
  }

  /** The first listing: what to load the view with. */
  start(listing: Listing): { records: StoredRecord[]; index: number } {
    const records = listing.found.map((found) => this.#keys.toRecord(found)).filter(isThere)
    this.#replace(listing)
    this.#index = records.reduce((highest, { ModifyIndex }) => Math.max(highest, ModifyIndex), this.#last)
    return { records, index: this.#index }
  }

  /**
   * Any later listing: how it differs from the view; undefined when nothing was written since. What came and went in
   * between has left no trace in etcd, so more than `changes` may have happened.
   */
  list(listing: Listing): Listed | undefined {
    const { revision, cluster } = listing
    const last = listing.found.find(({ key }) => key === this.#keys.lastWrite)?.modRevision ?? 0
    const rewound = revision < this.#revision || last < this.#last || cluster !== this.#cluster
    const changes = this.#differences(listing, rewound)
    const unexplained = !rewound && last === this.#last
    this.#replace(listing)
    if (unexplained && changes.length === 0) return undefined
    this.#index = unexplained ? revision : last
    return { changes, index: this.#index, rewound, unexplained }
  }

  hear(message: WatchMessage): Heard {
    if (message.events.length === 0) return { steps: [], others: [] }
    const steps: Step[] = []
    const others = message.events.filter(({ key }) => !this.#isOurs(key))
    const backwards = message.revision < this.#revision
    if (backwards) return { steps, others, gap: `a message of revision ${message.revision} after ${this.#revision}` }
    this.#revision = message.revision
    for (const events of byRevision(message.events.filter(({ key }) => this.#isOurs(key)))) {
      const step = this.#write(events)
      if (typeof step === 'string') return { steps, others, gap: step }
      if (step !== undefined) steps.push(step)
    }
    return { steps, others }
  }

  #isOurs(key: string): boolean {
    return key === this.#keys.lastWrite || this.#keys.parseRecord(key) !== undefined
  }

  /** One write: its step, undefined when it is known, or what is wrong with it. */
  #write(events: readonly EtcdEvent[]): Step | string | undefined {
    const index = events[0]!.modRevision
    if (index <= this.#last) return undefined
    const mark = events.find(({ key }) => key === this.#keys.lastWrite)
    const write = mark === undefined ? undefined : decodeLastWrite(mark.value)
    const records = events.filter((event) => event !== mark)
    if (write === undefined) return `revision ${index} was not written by a registry, or arrived in part`
    if (write.after !== this.#last) return `the write before revision ${index}, ${write.after}, is missing`
    if (write.count !== records.length) return `revision ${index} arrived in part`
    for (const event of records) this.#note(event)
    this.#last = index
    this.#past = write.past
    this.#index = index
    const changes = records.map((event) => this.#keys.toChange(event)).filter(isThere)
    return { changes, index, id: write.past.recent[0] ?? '' }
  }

  #note({ key, removed, modRevision }: EtcdEvent): void {
    if (removed) this.#known.delete(key)
    else this.#known.set(key, modRevision)
  }

  /** Removals first, each kind before what it depends on; then what is new or changed, the other way round. */
  #differences({ found }: Listing, everything: boolean): Change[] {
    const there = new Set(found.map(({ key }) => key))
    const removed = [...this.#known.keys()].filter((key) => !there.has(key))
    const changed = found.filter(({ key, modRevision }) => everything || this.#known.get(key) !== modRevision)
    return [...removed.map(absent), ...changed.map(present)]
      .map((event) => this.#keys.toChange(event))
      .filter(isThere)
      .sort((a, b) => place(a) - place(b))
  }

  #replace({ found, revision, cluster }: Listing): void {
    this.#known.clear()
    for (const { key, modRevision } of found) {
      if (this.#keys.parseRecord(key) !== undefined) this.#known.set(key, modRevision)
    }
    const mark = found.find(({ key }) => key === this.#keys.lastWrite)
    this.#last = mark?.modRevision ?? 0
    this.#past = decodeLastWrite(mark?.value ?? '')?.past ?? NO_PAST
    this.#revision = revision
    this.#cluster = cluster
  }
}

const isThere = <T>(value: T | undefined): value is T => value !== undefined
const present = (found: KeyValue): EtcdEvent => ({ ...found, removed: false })
const absent = (key: string): EtcdEvent => ({ key, value: '', createRevision: 0, modRevision: 0, removed: true })

/** What others are built on is removed after them and comes before them. */
const FOUNDATIONS: readonly string[] = ['check', 'service', 'node']

function place({ kind, body }: Change): number {
  const depth = FOUNDATIONS.indexOf(kind) + 1
  return body === null ? depth : 2 * FOUNDATIONS.length + 1 - depth
}

/** Neighbours of equal revision together, in the order in which they came. */
function byRevision(events: readonly EtcdEvent[]): EtcdEvent[][] {
  const groups: EtcdEvent[][] = []
  for (const event of events) {
    const group = groups.at(-1)
    if (group?.[0]?.modRevision === event.modRevision) group.push(event)
    else groups.push([event])
  }
  return groups
}
