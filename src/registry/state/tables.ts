/** Maps that can take back what was done to them: a batch that the disk refuses must leave no trace in memory. */

/** Remembers how to undo; `rollback` runs it backwards. */
export class Journal {
  #undo: (() => void)[] = []

  set<K, V>(map: Map<K, V>, key: K, value: V): void {
    const before = map.get(key)
    this.#undo.push(before === undefined ? () => map.delete(key) : () => map.set(key, before))
    map.set(key, value)
  }

  delete<K, V>(map: Map<K, V>, key: K): void {
    const before = map.get(key)
    if (before === undefined) return
    this.#undo.push(() => map.set(key, before))
    map.delete(key)
  }

  /** Runs `redo` now and `undo` on rollback. */
  run(redo: () => void, undo: () => void): void {
    redo()
    this.#undo.push(undo)
  }

  rollback(): void {
    for (const undo of this.#undo.reverse()) undo()
    this.#undo = []
  }
}

/** Values by group and key; a group without values does not exist. */
export class Groups<V> {
  readonly #groups = new Map<string, Map<string, V>>()

  get(group: string): ReadonlyMap<string, V> {
    return this.#groups.get(group) ?? EMPTY
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  names(): IterableIterator<string> {
    return this.#groups.keys()
  }

  set(journal: Journal, group: string, key: string, value: V): void {
    const known = this.#groups.get(group)
    if (known !== undefined) journal.set(known, key, value)
    else journal.set(this.#groups, group, new Map([[key, value]]))
  }

  /** Removes the value and, with the last one, the group. */
  delete(journal: Journal, group: string, key: string): void {
    const known = this.#groups.get(group)
    if (known?.has(key) !== true) return
    if (known.size > 1) journal.delete(known, key)
    else journal.delete(this.#groups, group)
  }
}

const EMPTY: ReadonlyMap<string, never> = new Map<string, never>()
