/**
 * Where the registry's records live. A storage decides *when* a write counts; the view (the state in memory) is what
 * everybody reads. Built in: `storage/memory.ts`, `storage/sqlite.ts`; the table is `storage/storages.ts`, the suite
 * that each must pass `storage/storage.suite.ts`.
 */
import type { SkeinError } from '../core/errors.ts'
import type { CheckSharing } from './checks/sharing.ts'
import type { History } from './history/contract.ts'
import type { SessionTime } from './session-time.ts'
import type { Change, StoredRecord } from './state/records.ts'

/** The registry's side: what a storage feeds. */
export interface View {
  /** Called once, before anything else, with all that is stored and the highest index ever used (0 = nothing yet). */
  load(records: Iterable<StoredRecord>, index: number): void
  /**
   * Brings changes in under `index`, which must be higher than any before. Watchers are not told yet. The returned
   * function takes them back: last applied, first undone. When it throws nothing is changed.
   * @param isOwn false = another registry wrote them.
   */
  apply(changes: readonly Change[], index: number, isOwn?: boolean): () => void
  /** Tells the watchers of everything applied since the last call. It is durable now. */
  publish(): void
  /**
   * For a store shared with others, after a time in which it was out of sight: applies and publishes `changes`. More may
   * have happened (what was created and removed again left no trace, but clients of another registry have seen it), so
   * everything reports `index` from now on and everybody who waits looks again. `index` may be lower than before when the
   * store has gone back in time; then they are all answered, so that they start over.
   */
  reload(changes: readonly Change[], index: number): void
}

/** Reads the view and says what to change; empty = nothing to do. It may throw: then this write alone fails. */
export type Decide = () => readonly Change[]

export interface Storage {
  /**
   * Loads the view and begins to feed it.
   * @throws SkeinError STORAGE_FAILED naming the file when what is there cannot be read or is in use.
   */
  open(view: View): Promise<void>

  /**
   * Calls `decide` on the newest view, makes its changes durable, applies them, publishes, and only then resolves.
   *
   * What an implementation must do:
   * - All changes of one write get one index, higher than every index before it, also across restarts; writes committed
   *   together may share one if no record is in two of them. The storage keeps, with each record, the index of its
   *   creation (CreateIndex) and of its last change (ModifyIndex).
   * - All or nothing, in memory and in the store. Nobody may read a change which is not durable: apply and commit in one
   *   turn of the event loop, or apply after the commit.
   * - Writes that arrive together may be committed together; each still sees the ones before it.
   * - `decide` without changes moves nothing and resolves once everything that it saw is durable.
   * - `decide` may be called again (a store shared with others has conflicts), so it must have no effect of its own.
   * - On failure nothing of the write is seen, by anyone, ever. The next write may succeed, unless the failure leaves it
   *   open what is on the disk; then all later writes fail and reads go on.
   *
   * @throws SkeinError STORAGE_FAILED with the reason and the way out; whatever `decide` throws.
   */
  write(decide: Decide): Promise<void>

  /**
   * Only where others write to the same store. Resolves with true once the view holds every write that was acknowledged,
   * by anyone, before the call; with false when the store cannot be reached or the view does not get there in time.
   * `strict` asks the store in the way that costs as much as a write, where its reads have been known to be old.
   */
  catchUp?(strict?: boolean): Promise<boolean>

  /** About how many bytes one write may have, where there is a limit. What needs more is split, or refused with the reason. */
  readonly writeMaxBytes?: number | undefined

  /** Why writes fail at present, with the way out; undefined while they work. Reads go on in either case. */
  readonly failure?: SkeinError | undefined

  /** Once open, and only where others write to the same store: who of them runs which check. */
  readonly sharing?: CheckSharing | undefined

  /** Once open, and only where the store keeps the time of sessions. */
  readonly sessionTime?: SessionTime | undefined

  /** Once open, and only where the storage keeps it, with the notes of the changes that it was given. */
  readonly history?: History | undefined

  /** Waits for writes under way, then lets go of files and connections. Idempotent. Writes after it fail. */
  close(): Promise<void>
}

/** What a storage says about its work, for metrics. */
export interface StorageEvents {
  /** After each durable commit: writes in it, and how long the commit took. */
  onCommit?(writes: number, ms: number): void
  /** When writes begin to fail, and, with undefined, when they work again. */
  onHealth?(failure: SkeinError | undefined): void
}
