/** The built-in storages. A new one: a file beside this one and a line here; the suite runs on it by itself. */
import { type Clock, systemClock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { Storage, StorageEvents } from '../storage.ts'
import type { EtcdAccess } from './etcd/access.ts'
import { MemoryStorage } from './memory.ts'
import { SqliteStorage } from './sqlite.ts'

/** `memory`, the path of an SQLite file, or the addresses of an etcd cluster (`http://127.0.0.1:2379`, `https://…`). */
export type StorageChoice = 'memory' | { readonly sqlite: string } | EtcdChoice

/** Registries with the same cluster and prefix (default `/skein`) are one registry. */
export interface EtcdChoice extends EtcdAccess {
  readonly etcd: string | readonly string[]
  readonly prefix?: string | undefined
}

export interface StorageTools {
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly log?: Logger | undefined
}

/** The client of etcd is loaded where there is one: others spare its 6 MB. */
export async function createStorage(
  choice: StorageChoice,
  events: StorageEvents = {},
  tools: StorageTools = {},
): Promise<Storage> {
  if (choice === 'memory') return new MemoryStorage(events)
  if ('sqlite' in choice) return new SqliteStorage({ file: choice.sqlite }, events, tools.clock ?? systemClock)
  const { clock, random, log } = tools
  const { etcd, prefix, ...access } = choice
  const { EtcdStorage } = await import('./etcd.ts')
  return new EtcdStorage({ endpoints: [etcd].flat(), prefix, access, clock, random, log }, events)
}

/** True for a storage that several registries write to. */
export function isShared(choice: StorageChoice): boolean {
  return choice !== 'memory' && 'etcd' in choice
}
