/** What narrows the choice before a policy chooses, as a user writes it beside `policy`. `scopes.ts` says in which order they hold. */
import type { SlowStartOptions } from './slow-start.ts'

export interface ScopeOptions {
  /** Only instances with this metadata; `tag` stands for one of the tags: `{ version: '2', tag: 'gpu' }`. */
  readonly subset?: Readonly<Record<string, string>> | undefined
  /** Where the subset has nobody: 'none' (default), the call fails; 'any', all are chosen from. */
  readonly otherwise?: 'any' | 'none' | undefined
  /** Each caller keeps to so many instances. */
  readonly aperture?: number | ApertureOptions | undefined
  /** Levels with failover; `true` reads the level from the metadata's `priority`. */
  readonly priority?: true | PriorityOptions | undefined
  /**
   * The caller's zone: it is preferred as far as its instances can carry it. An instance's is the metadata's `zone`. Default: that of
   * the process, but for hash policies; false = none.
   */
  readonly zone?: string | ZoneOptions | false | undefined
  /** Zones by weight instead, wherever the caller is; one that is not named has weight 0. */
  readonly zoneWeights?: Readonly<Record<string, number>> | undefined
  /** Health is ignored while less than so many percent are healthy. Default 0: only when nobody is. */
  readonly panic?: number | undefined
  /** Seconds, or the curve, in which a newcomer gets to its full share. Default none. */
  readonly slowStart?: number | SlowStartOptions | undefined
}

export interface ApertureOptions {
  /** Endpoints a caller keeps to; 20 to 100 are sensible. */
  readonly size: number
  /** The caller's number from 0, or a name of its own. Default: a name drawn at the start. */
  readonly client?: number | string | undefined
}

export interface PriorityOptions {
  /** Where an instance's metadata has its level, a whole number from 0; anything else counts as 0. Default `priority`. */
  readonly key?: string | undefined
  /** Default 1.4. */
  readonly overprovisioning?: number | undefined
}

export interface ZoneOptions {
  /** The caller's zone. */
  readonly own: string
  /** Callers by zone, in any unit. Default: as many in each zone. */
  readonly callers?: Readonly<Record<string, number>> | undefined
  /** Off below so many healthy instances; default 6. */
  readonly minInstances?: number | undefined
}
