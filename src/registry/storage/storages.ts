/** The built-in storages. A new one: a file beside this one and a line here; the suite runs on it by itself. */
import type { Clock } from '../../core/clock.ts'
import type { Storage, StorageEvents } from '../storage.ts'
import { MemoryStorage } from './memory.ts'
import { SqliteStorage } from './sqlite.ts'

/** `memory`, or the path of an SQLite file. */
export type StorageChoice = 'memory' | { readonly sqlite: string }

export function createStorage(choice: StorageChoice, events: StorageEvents, clock: Clock): Storage {
  return choice === 'memory' ? new MemoryStorage(events) : new SqliteStorage({ file: choice.sqlite }, events, clock)
}
