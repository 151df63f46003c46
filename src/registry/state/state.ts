/**
 * The registry's state in memory: records, the groupings that queries need, and an index for each resource. Only
 * `apply*.ts` write to it. Every write costs in proportion to what it changes, not to what is there.
 */
import { AclTables } from './acl-tables.ts'
import type {
  CheckRecord,
  DelayRecord,
  KvRecord,
  NodeRecord,
  QueryRecord,
  RemovedRecord,
  ServiceRecord,
  SessionRecord,
} from './records.ts'
import { Remembered } from './remembered.ts'
import { RESOURCE, serviceResource } from './resources.ts'
import { SortedKeys } from './sorted-keys.ts'
import { Groups } from './tables.ts'
import { Tombstones } from './tombstones.ts'

/** Prefixes whose index is remembered; more are counted anew. */
const PREFIXES_MAX = 1000

export class State {
  /** The index of the last write. */
  index = 0
  readonly nodes = new Map<string, NodeRecord>()
  /** Node name by node ID. */
  readonly nodeIds = new Map<string, string>()
  readonly services = new Map<string, ServiceRecord>()
  readonly checks = new Map<string, CheckRecord>()
  readonly kv = new Map<string, KvRecord>()
  readonly keys = new SortedKeys()
  readonly tombstones = new Tombstones()
  readonly sessions = new Map<string, SessionRecord>()
  /** Sessions that are over and still hold keys; see SessionBody.ending. */
  readonly endings = new Map<string, SessionRecord>()
  /** By key of the KV store. */
  readonly delays = new Map<string, DelayRecord>()
  readonly queries = new Map<string, QueryRecord>()
  /** Name in lower case → ID. */
  readonly queryNames = new Map<string, string>()
  /** Record key of an instance → its removal. */
  readonly removed = new Map<string, RemovedRecord>()
  readonly acl = new AclTables()

  /** Service name → record key → instance. */
  readonly instances = new Groups<ServiceRecord>()
  /** Node → service ID → instance. */
  readonly servicesOnNode = new Groups<ServiceRecord>()
  /** Node → check ID → check, of services too. */
  readonly checksOnNode = new Groups<CheckRecord>()
  /** Node → check ID → check of the node itself. */
  readonly nodeChecks = new Groups<CheckRecord>()
  /** Record key of the instance → check ID → check. */
  readonly instanceChecks = new Groups<CheckRecord>()

  /** Session → key → what it holds. */
  readonly locks = new Groups<KvRecord>()
  /** Node → session ID → session. */
  readonly sessionsOnNode = new Groups<SessionRecord>()
  /** Record key of a check → session ID → session that needs it. */
  readonly sessionsOfCheck = new Groups<SessionRecord>()

  /** Resource → index of its last change. Absent = not since `loadedAt`. */
  readonly indexes = new Map<string, number>()
  /**
   * The index at which the records were loaded. When resources changed before is not stored: all of them report this
   * one, which is higher than any index they were ever given (a client that waits is answered once for nothing).
   */
  loadedAt = 0

  /** About how many bytes the store takes in one write; what ends sessions keeps to it. */
  writeMaxBytes = Number.POSITIVE_INFINITY

  /** How often all indexes were set anew: an answer of an earlier generation may have the same index and other content. */
  generation = 0

  /** Service name, or '' for all → how often an output changed without moving an index (see setOutput). */
  readonly outputs = new Map<string, number>()

  readonly #prefixes = new Remembered<number>(PREFIXES_MAX)

  /** Index of a table or node. */
  indexOf(resource: string): number {
    return this.indexes.get(resource) ?? this.loadedAt
  }

  /** Index that queries about a service report: its own, or, when it has no instance, that of the last extinction. */
  serviceIndex(name: string): number {
    if (this.instances.has(name)) return this.indexOf(serviceResource(name))
    const extinction = this.indexes.get(RESOURCE.extinction) ?? this.loadedAt
    return extinction > 0 ? extinction : this.#highestTable()
  }

  /** Index of a key, or of the whole table when it is absent. */
  keyIndex(key: string): number {
    return this.kv.get(key)?.ModifyIndex ?? this.indexOf(RESOURCE.kv)
  }

  /** The highest change or deletion under a prefix; the table's when nothing is there. Counted once for all who watch it. */
  prefixIndex(prefix: string): number {
    return this.#prefixes.get(prefix, `${this.generation}/${this.indexOf(RESOURCE.kv)}`, () =>
      this.#countPrefix(prefix),
    )
  }

  #countPrefix(prefix: string): number {
    let last = 0
    for (const key of this.keys.under(prefix)) last = Math.max(last, this.kv.get(key)!.ModifyIndex)
    return last === 0 ? this.indexOf(RESOURCE.kv) : Math.max(last, this.tombstones.under(prefix))
  }

  /** Changes whenever an output of the service's checks did, without an index having moved. */
  outputVersion(name: string): number {
    return (this.outputs.get(name) ?? 0) + (this.outputs.get(NODE_OUTPUTS) ?? 0)
  }

  #highestTable(): number {
    return Math.max(this.indexOf(RESOURCE.nodes), this.indexOf(RESOURCE.services), this.indexOf(RESOURCE.checks))
  }
}

/** Counts outputs of node checks: they are part of every answer about services. No service has this name. */
export const NODE_OUTPUTS = '\n'
export const ALL_OUTPUTS = ''
