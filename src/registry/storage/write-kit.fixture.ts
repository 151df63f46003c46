/** What tests of storages write with. */
import assert from 'node:assert/strict'
import type { Change, StoredRecord } from '../state/records.ts'
import type { View } from '../storage.ts'

/** A view that keeps a log of what it is told. */
export class LoggingView implements View {
  readonly loaded: StoredRecord[] = []
  loadedIndex = -1
  readonly applied: { changes: readonly Change[]; index: number }[] = []
  published = 0

  load(records: Iterable<StoredRecord>, index: number): void {
    this.loaded.push(...records)
    this.loadedIndex = index
  }

  apply(changes: readonly Change[], index: number): () => void {
    const entry = { changes, index }
    this.applied.push(entry)
    return () => {
      assert.equal(this.applied.pop(), entry, 'undone in reverse order')
    }
  }

  publish(): void {
    this.published = this.applied.length
  }

  reload(changes: readonly Change[], index: number): void {
    this.apply(changes, index)
    this.publish()
  }
}

export const put = (key: string, value = ''): Change => ({
  kind: 'kv',
  key,
  body: { Key: key, Value: value, Flags: '0', LockIndex: 0 },
})
export const removal = (key: string): Change => ({ kind: 'kv', key, body: null })
