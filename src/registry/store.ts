/** The state in memory, the storage under it and those who watch it, as one thing to read from and write to. */

import { type Clock, systemClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import type { CheckSharing } from './checks/sharing.ts'
import type { Entry, History, Note, Origin } from './history/contract.ts'
import { happeningOf } from './history/happening.ts'
import { currentOrigin } from './history/origin.ts'
import { RingHistory } from './history/ring.ts'
import type { SessionTime } from './session-time.ts'
import { applyChanges, loadRecords, resetIndexes, setOutput } from './state/apply.ts'
import type { Command, Decision, TxnError, TxnOperation, TxnResult } from './state/commands.ts'
import { decide } from './state/decide.ts'
import type { Change, StoredRecord } from './state/records.ts'
import { Refusal } from './state/refusal.ts'
import { State } from './state/state.ts'
import { moveIndexes, writtenAt } from './state/txn-index.ts'
import type { Storage, View } from './storage.ts'
import { WatchHub } from './watch-hub.ts'

export interface TxnOutcome {
  readonly results: readonly TxnResult[]
  /** None = it succeeded. */
  readonly errors: readonly TxnError[]
}

/** The last decision, and the index that it reckoned with. */
interface CarriedOut {
  readonly decision: Decision
  readonly next: number
}

const hasNothingToDo = ({ decision: { done, changes } }: CarriedOut) => done && changes.length === 0

/** Its beginning is Consul's, which clients know. */
const OUT_OF_SIGHT =
  'No cluster leader: nothing would change, as far as this registry knows, but the store does not say so; try again'

export type ChangeListener = (changes: readonly Change[]) => void

export class Store implements View {
  /** To be read only. */
  readonly state = new State()
  readonly hub = new WatchHub()
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #ring = new RingHistory()
  /** What this registry is writing, as JSON → why: a shared storage brings it back without. */
  readonly #writing = new Map<string, Origin>()
  readonly #listeners = new Set<ChangeListener>()
  #applied: { changes: readonly Change[]; touched: ReadonlySet<string>; entries: readonly Entry[] }[] = []

  constructor(storage: Storage, clock: Clock = systemClock) {
    this.#storage = storage
    this.#clock = clock
    this.state.writeMaxBytes = storage.writeMaxBytes ?? Number.POSITIVE_INFINITY
  }

  open(): Promise<void> {
    return this.#storage.open(this)
  }

  /**
   * Resolves when the command is durable and seen by every read; with false when its condition did not hold. A function
   * makes the command from the newest state; it may be called again.
   */
  async write(command: Command | ((state: State) => Command)): Promise<boolean> {
    return (await this.#carryOut(command)).decision.done
  }

  /**
   * All operations or none. The results carry the index that the write got. Where others share the store it is read off
   * the records written; should all of them have changed again by then, it is 0, which no compare-and-set mistakes for theirs.
   * @param judge throws a Refusal when the newest state does not allow it to whoever asks.
   */
  async transact(operations: readonly TxnOperation[], judge = (_state: State): void => {}): Promise<TxnOutcome> {
    const { decision, next } = await this.#carryOut((state) => {
      judge(state)
      return { type: 'txn', operations }
    })
    const { results = [], errors = [], changes } = decision
    if (!this.shared) return { results, errors }
    return { results: moveIndexes(results, next, writtenAt(this.state, changes)), errors }
  }

  /**
   * A "no" may come from a view that lags behind other registries: it is asked once more when the view has caught up. So may
   * "nothing to do", which is a write like any other: whoever put the same value there before does not undo what another
   * registry has acknowledged since.
   */
  async #carryOut(command: Command | ((state: State) => Command)): Promise<CarriedOut> {
    if (!this.shared) return this.#attempt(command)
    let isIdle = false
    try {
      const attempt = await this.#attempt(command)
      isIdle = hasNothingToDo(attempt)
      if (attempt.decision.done && !isIdle) return attempt
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
    }
    const upToDate = await this.catchUp(isIdle)
    const attempt = await this.#attempt(command)
    if (!upToDate && hasNothingToDo(attempt)) throw this.failure ?? new SkeinError('STORAGE_FAILED', OUT_OF_SIGHT)
    return attempt
  }

  async #attempt(command: Command | ((state: State) => Command)): Promise<CarriedOut> {
    let decision: Decision = { changes: [], done: false }
    let next = 0
    let noted: string[] = []
    const origin = currentOrigin()
    const forget = () => {
      for (const note of noted) this.#writing.delete(note)
    }
    const decideNow = () => {
      forget()
      next = this.state.index + 1
      decision = decide(this.state, typeof command === 'function' ? command(this.state) : command)
      const changes = decision.changes.map((change) => this.#noted(change, origin))
      if (this.shared) noted = changes.flatMap(({ note }) => (note === undefined ? [] : [sameness(note)]))
      for (const note of noted) this.#writing.set(note, origin)
      return changes
    }
    try {
      await this.#storage.write(decideNow)
    } finally {
      forget()
    }
    return { decision, next }
  }

  /** What happened to the records; see history/contract.ts. */
  get history(): History {
    return this.#storage.history ?? this.#ring
  }

  #noted(change: Change, origin: Origin): Change {
    const happening = happeningOf(this.state, change)
    if (happening === undefined) return change
    return { ...change, note: { Time: new Date(this.#clock.now()).toISOString(), ...happening, ...origin } }
  }

  /** See setOutput in state/apply.ts. */
  showOutput(node: string, checkId: string, output: string): void {
    setOutput(this.state, node, checkId, output)
  }

  /** Calls `listener` with every change once it is durable. Returns the function that stops it. */
  onChanges(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** True when others write to the same storage. */
  get shared(): boolean {
    return this.#storage.catchUp !== undefined
  }

  /** See Storage.sharing. */
  get sharing(): CheckSharing | undefined {
    return this.#storage.sharing
  }

  /** See Storage.sessionTime. */
  get sessionTime(): SessionTime | undefined {
    return this.#storage.sessionTime
  }

  /** See Storage.failure. */
  get failure(): SkeinError | undefined {
    return this.#storage.failure
  }

  /** True when what is read now is as new as the storage; false when that cannot be said (see Storage.catchUp). */
  async catchUp(strict = false): Promise<boolean> {
    return (await this.#storage.catchUp?.(strict)) ?? true
  }

  close(): Promise<void> {
    return this.#storage.close()
  }

  load(records: Iterable<StoredRecord>, index: number): void {
    loadRecords(this.state, records, index)
  }

  apply(changes: readonly Change[], index: number, isOwn = true): () => void {
    const entries = this.#storage.history === undefined ? this.#entries(changes, index, isOwn) : []
    const { touched, undo } = applyChanges(this.state, changes, index)
    const entry = { changes, touched, entries }
    this.#applied.push(entry)
    return () => {
      undo()
      this.#applied = this.#applied.filter((other) => other !== entry)
    }
  }

  /** What comes back from a shared store has no notes; another registry may have done the very thing that is tried here. */
  #entries(changes: readonly Change[], Index: number, isOwn: boolean): Entry[] {
    const notes = changes.flatMap((change) => {
      const note = change.note ?? this.#noted(change, { Cause: 'unknown' }).note
      return note === undefined ? [] : [{ ...note, ...(isOwn ? this.#writing.get(sameness(note)) : undefined) }]
    })
    return notes.map((note) => ({ Index, ...note }))
  }

  publish(): void {
    const applied = this.#applied
    this.#applied = []
    const touched = new Set<string>()
    for (const entry of applied) for (const resource of entry.touched) touched.add(resource)
    for (const { entries } of applied) this.#ring.add(entries)
    for (const { changes } of applied) for (const listener of this.#listeners) listener(changes)
    this.hub.publish(touched)
  }

  reload(changes: readonly Change[], index: number): void {
    const backwards = index < this.state.index
    this.apply(changes, index)
    resetIndexes(this.state, index)
    this.publish()
    if (backwards) this.hub.answerAll()
    else this.hub.wakeAll()
  }
}

/** Equal for notes of the same happening, whoever took them when. */
function sameness({
  Time: _time,
  Cause: _cause,
  Actor: _actor,
  Token: _token,
  TokenName: _name,
  ...happening
}: Note): string {
  return JSON.stringify(happening)
}
