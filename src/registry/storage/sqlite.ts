/**
 * One SQLite file through `node:sqlite`: WAL, synchronous=FULL, so that a commit is on stable storage when it returns.
 *
 * Group commit: writes wait for the end of the current turn of the event loop and go into one transaction. While it is
 * being flushed new requests pile up in the sockets and form the next batch, so the batch grows with the load by itself.
 * The calls are synchronous on purpose: memory and disk change in the same turn, no reader can come in between. Not
 * chosen: a worker thread; the price of that choice is that reads wait for a flush (about a millisecond).
 */
import type { DatabaseSync } from 'node:sqlite'
import { type Clock, systemClock, type Timer } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import type { History } from '../history/contract.ts'
import { SqliteHistory } from '../history/sqlite.ts'
import type { Change } from '../state/records.ts'
import type { Decide, Storage, StorageEvents, View } from '../storage.ts'
import { isFinal, storageError } from './sqlite-error.ts'
import { openFile } from './sqlite-file.ts'
import { SqliteRecords } from './sqlite-records.ts'

export interface SqliteOptions {
  /** Path of the database; it is created when absent. SQLite adds a `-wal` file beside it. */
  readonly file: string
  /** Upper bound of the file in bytes, default none. Beyond it writes fail as on a full disk. */
  readonly maxBytes?: number | undefined
}

interface Waiting {
  readonly decide: Decide
  resolve(): void
  reject(reason: unknown): void
}

/** How soon it is looked again whether writes go on. */
const PROBE_MS = 1000

export class SqliteStorage implements Storage {
  readonly #options: SqliteOptions
  readonly #events: StorageEvents
  readonly #clock: Clock
  #open: OpenFile | undefined
  #queue: Waiting[] = []
  #failure: SkeinError | undefined
  /** The failure is for good: no further write is tried. */
  #final = false
  #probe: Timer | undefined

  constructor(options: SqliteOptions, events: StorageEvents = {}, clock: Clock = systemClock) {
    this.#options = options
    this.#events = events
    this.#clock = clock
  }

  async open(view: View): Promise<void> {
    this.#open = this.#inWords(() => new OpenFile(this.#options, view))
  }

  write(decide: Decide): Promise<void> {
    if (this.#final) return Promise.reject(this.#failure)
    if (this.#open === undefined) {
      return Promise.reject(new SkeinError('STORAGE_FAILED', `${this.#options.file} is closed`))
    }
    return new Promise((resolve, reject) => {
      if (this.#queue.push({ decide, resolve, reject }) === 1) setImmediate(() => this.#flush())
    })
  }

  get failure(): SkeinError | undefined {
    return this.#failure
  }

  get history(): History | undefined {
    const history = this.#open?.history
    return history && { list: (query) => this.#inWords(() => history.list(query)) }
  }

  async close(): Promise<void> {
    this.#flush()
    this.#probe?.cancel()
    const open = this.#open
    this.#open = undefined
    open?.close()
  }

  #flush(): void {
    const batch = this.#queue
    this.#queue = []
    if (batch.length === 0 || this.#open === undefined) return
    const started = this.#clock.monotonic()
    try {
      const { written, refused } = this.#open.commit(batch)
      if (written > 0) {
        this.#events.onCommit?.(written, this.#clock.monotonic() - started)
        this.#recovered()
      }
      for (const waiting of batch) {
        if (refused.has(waiting)) waiting.reject(refused.get(waiting))
        else waiting.resolve()
      }
    } catch (error) {
      const failure = this.#failedBy(error)
      for (const waiting of batch) waiting.reject(failure)
    }
  }

  #failedBy(error: unknown): SkeinError {
    const failure = storageError(error, this.#options.file)
    const isNew = this.#failure === undefined
    this.#failure = failure
    this.#final ||= isFinal(error)
    if (isNew) this.#events.onHealth?.(failure)
    this.#probe?.cancel()
    if (!this.#final) this.#probe = this.#clock.after(PROBE_MS, () => this.#tryAgain())
    return failure
  }

  /** So that the registry is known to be well again without somebody's write having to find out. */
  #tryAgain(): void {
    try {
      this.#open?.probe()
      this.#recovered()
    } catch (error) {
      this.#failedBy(error)
    }
  }

  #recovered(): void {
    if (this.#failure === undefined) return
    this.#probe?.cancel()
    this.#failure = undefined
    this.#events.onHealth?.(undefined)
  }

  #inWords<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw storageError(error, this.#options.file)
    }
  }
}

/** The opened database and the view that it feeds. */
class OpenFile {
  readonly #db: DatabaseSync
  readonly #view: View
  readonly #records: SqliteRecords
  readonly history: SqliteHistory

  constructor({ file, maxBytes }: SqliteOptions, view: View) {
    this.#db = openFile(file, maxBytes)
    try {
      this.history = new SqliteHistory(this.#db)
      this.#records = new SqliteRecords(this.#db)
      view.load(this.#records.all(), this.#records.index)
    } catch (error) {
      this.#db.close()
      throw error
    }
    this.#view = view
  }

  /** All of the batch or nothing of it; those whose decision threw are left out and named. */
  commit(batch: readonly Waiting[]): { written: number; refused: Map<Waiting, unknown> } {
    const refused = new Map<Waiting, unknown>()
    const undo: (() => void)[] = []
    let { index } = this.#records
    try {
      for (const waiting of batch) {
        const changes = decideOr(waiting, refused)
        if (changes.length === 0) continue
        if (undo.length === 0) this.#db.exec('BEGIN IMMEDIATE')
        index += 1
        undo.push(this.#view.apply(changes, index))
        this.#store(changes, index)
      }
      if (undo.length > 0) this.#commitAt(index)
    } catch (error) {
      for (const takeBack of undo.reverse()) takeBack()
      this.#records.takeBack()
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
    if (undo.length > 0) this.#view.publish()
    return { written: undo.length, refused }
  }

  close(): void {
    this.#db.close()
  }

  /** Succeeds when a write would, and changes nothing. */
  probe(): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      // To and fro: what stays as it is SQLite does not write.
      for (const step of [1, 0]) this.#records.moveTo(this.#records.index + step)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  #store(changes: readonly Change[], index: number): void {
    for (const change of changes) this.#records.write(change, index)
    this.history.add(changes, index)
  }

  #commitAt(index: number): void {
    this.#records.moveTo(index)
    this.#db.exec('COMMIT')
    this.#records.keep(index)
  }
}

function decideOr(waiting: Waiting, refused: Map<Waiting, unknown>): readonly Change[] {
  try {
    return waiting.decide()
  } catch (error) {
    refused.set(waiting, error)
    return []
  }
}
