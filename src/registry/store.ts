/** The state in memory, the storage under it and those who watch it, as one thing to read from and write to. */
import type { CheckSharing } from './checks/sharing.ts'
import { applyChanges, loadRecords, resetIndexes, setOutput } from './state/apply.ts'
import type { Command } from './state/commands.ts'
import { decide } from './state/decide.ts'
import type { Change, StoredRecord } from './state/records.ts'
import { State } from './state/state.ts'
import type { Storage, View } from './storage.ts'
import { WatchHub } from './watch-hub.ts'

export type ChangeListener = (changes: readonly Change[]) => void

export class Store implements View {
  /** To be read only. */
  readonly state = new State()
  readonly hub = new WatchHub()
  readonly #storage: Storage
  readonly #listeners = new Set<ChangeListener>()
  #applied: { changes: readonly Change[]; touched: ReadonlySet<string> }[] = []

  constructor(storage: Storage) {
    this.#storage = storage
  }

  open(): Promise<void> {
    return this.#storage.open(this)
  }

  /**
   * Resolves when the command is durable and seen by every read; with false when its condition did not hold. A function
   * makes the command from the newest state; it may be called again.
   */
  async write(command: Command | ((state: State) => Command)): Promise<boolean> {
    let done = false
    await this.#storage.write(() => {
      const decision = decide(this.state, typeof command === 'function' ? command(this.state) : command)
      done = decision.done
      return decision.changes
    })
    return done
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

  /** True when what is read now is as new as the storage; false when that cannot be said (see Storage.catchUp). */
  async catchUp(): Promise<boolean> {
    return (await this.#storage.catchUp?.()) ?? true
  }

  close(): Promise<void> {
    return this.#storage.close()
  }

  load(records: Iterable<StoredRecord>, index: number): void {
    loadRecords(this.state, records, index)
  }

  apply(changes: readonly Change[], index: number): () => void {
    const { touched, undo } = applyChanges(this.state, changes, index)
    const entry = { changes, touched }
    this.#applied.push(entry)
    return () => {
      undo()
      this.#applied = this.#applied.filter((other) => other !== entry)
    }
  }

  publish(): void {
    const applied = this.#applied
    this.#applied = []
    const touched = new Set<string>()
    for (const entry of applied) for (const resource of entry.touched) touched.add(resource)
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
