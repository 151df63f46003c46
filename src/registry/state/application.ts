/** What the `apply-*` files work with: one application of changes, and where each kind of record belongs. */
import type { Indexes } from './records.ts'
import type { State } from './state.ts'
import { Journal } from './tables.ts'

/** Where records of a kind live in the state. */
export interface Place<Body> {
  find(state: State, key: string): (Body & Indexes) | undefined
  /** Puts the record where it belongs and nothing else: for loading. */
  place(application: Application, key: string, record: Body & Indexes): void
  /** Puts it and touches what depends on it. */
  put(application: Application, key: string, record: Body & Indexes): void
  /** A record that is not there is no error. */
  remove(application: Application, key: string): void
}

/** One application of changes under one index. */
export class Application {
  readonly journal = new Journal()
  readonly touched = new Set<string>()
  readonly state: State
  readonly index: number

  constructor(state: State, index: number) {
    this.state = state
    this.index = index
  }

  /** Moves the resource's index and wakes its watchers. */
  touch(resource: string): void {
    this.touched.add(resource)
    this.journal.set(this.state.indexes, resource, this.index)
  }

  /** Wakes watchers of a resource that has no index of its own, or no longer one. */
  wake(resource: string): void {
    this.touched.add(resource)
    this.journal.delete(this.state.indexes, resource)
  }

  stamp<B>(body: B, before: Indexes | undefined, indexes: Indexes | undefined): B & Indexes {
    if (indexes !== undefined) return { ...body, ...indexes }
    return { ...body, CreateIndex: before?.CreateIndex ?? this.index, ModifyIndex: this.index }
  }
}
