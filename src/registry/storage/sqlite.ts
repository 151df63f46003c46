/**
 * One SQLite file through `node:sqlite`: WAL, synchronous=FULL, so that a commit is on stable storage when it returns.
 *
 * Group commit: writes wait for the end of the current turn of the event loop and go into one transaction. While it is
 * being flushed new requests pile up in the sockets and form the next batch, so the batch grows with the load by itself.
 * The calls are synchronous on purpose: memory and disk change in the same turn, no reader can come in between. Not
 * chosen: a worker thread; the price of that choice is that reads wait for a flush (about a millisecond).
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type Clock, systemClock } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import type { History } from '../history/contract.ts'
import { HISTORY_TABLE, SqliteHistory } from '../history/sqlite.ts'
import type { Change, StoredRecord } from '../state/records.ts'
import type { Decide, Storage, StorageEvents, View } from '../storage.ts'
import { isFinal, storageError } from './sqlite-error.ts'

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

const PAGE_BYTES = 4096
/** "Skei" in ASCII: tells our files from other people's databases. */
const APPLICATION_ID = 0x536b6569
const SCHEMA_VERSION = 1
const SCHEMA = `
  CREATE TABLE record (
    kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
    created INTEGER NOT NULL, modified INTEGER NOT NULL, PRIMARY KEY (kind, key));
  CREATE TABLE position (id INTEGER PRIMARY KEY CHECK (id = 1), last_index INTEGER NOT NULL);
  INSERT INTO position VALUES (1, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};`

export class SqliteStorage implements Storage {
  readonly #options: SqliteOptions
  readonly #events: StorageEvents
  readonly #clock: Clock
  #open: OpenFile | undefined
  #queue: Waiting[] = []
  /** Why writes are refused from now on. */
  #failed: SkeinError | undefined

  constructor(options: SqliteOptions, events: StorageEvents = {}, clock: Clock = systemClock) {
    this.#options = options
    this.#events = events
    this.#clock = clock
  }

  async open(view: View): Promise<void> {
    try {
      this.#open = new OpenFile(this.#options, view)
    } catch (error) {
      throw storageError(error, this.#options.file)
    }
  }

  write(decide: Decide): Promise<void> {
    if (this.#open === undefined || this.#failed !== undefined) {
      return Promise.reject(this.#failed ?? new SkeinError('STORAGE_FAILED', `${this.#options.file} is closed`))
    }
    return new Promise((resolve, reject) => {
      if (this.#queue.push({ decide, resolve, reject }) === 1) setImmediate(() => this.#flush())
    })
  }

  get history(): History | undefined {
    return this.#open?.history
  }

  async close(): Promise<void> {
    this.#flush()
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
      if (written > 0) this.#events.onCommit?.(written, this.#clock.monotonic() - started)
      for (const waiting of batch) {
        if (refused.has(waiting)) waiting.reject(refused.get(waiting))
        else waiting.resolve()
      }
    } catch (error) {
      const failure = storageError(error, this.#options.file)
      if (isFinal(error)) this.#failed = failure
      for (const waiting of batch) waiting.reject(failure)
    }
  }
}

/** The opened database and the view that it feeds. */
class OpenFile {
  readonly #db: DatabaseSync
  readonly #view: View
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #setIndex: StatementSync
  readonly history: SqliteHistory
  #index: number

  constructor({ file, maxBytes }: SqliteOptions, view: View) {
    this.#db = new DatabaseSync(file)
    try {
      prepare(this.#db, maxBytes)
      this.history = new SqliteHistory(this.#db)
      this.#index = readIndex(this.#db)
      view.load(readRecords(this.#db), this.#index)
    } catch (error) {
      this.#db.close()
      throw error
    }
    this.#view = view
    this.#put = this.#db.prepare(
      `INSERT INTO record VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body, modified = excluded.modified`,
    )
    this.#remove = this.#db.prepare('DELETE FROM record WHERE kind = ? AND key = ?')
    this.#setIndex = this.#db.prepare('UPDATE position SET last_index = ?')
  }

  /** All of the batch or nothing of it; those whose decision threw are left out and named. */
  commit(batch: readonly Waiting[]): { written: number; refused: Map<Waiting, unknown> } {
    const refused = new Map<Waiting, unknown>()
    const undo: (() => void)[] = []
    let index = this.#index
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
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
    this.#index = index
    if (undo.length > 0) this.#view.publish()
    return { written: undo.length, refused }
  }

  close(): void {
    this.#db.close()
  }

  #store(changes: readonly Change[], index: number): void {
    for (const { kind, key, body } of changes) {
      if (body === null) this.#remove.run(kind, key)
      else this.#put.run(kind, key, JSON.stringify(body), index, index)
    }
    this.history.add(changes, index)
  }

  #commitAt(index: number): void {
    this.#setIndex.run(index)
    this.#db.exec('COMMIT')
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

/** Settings first: the exclusive lock keeps a second registry off the file, and spares the shared-memory file of WAL. */
function prepare(db: DatabaseSync, maxBytes: number | undefined): void {
  db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL`)
  const version = pragma(db, 'user_version')
  const application = pragma(db, 'application_id')
  if (version === 0 && application === 0) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} ${HISTORY_TABLE} COMMIT`)
  else if (application !== APPLICATION_ID) throw new Error('this is a database of another program')
  else if (version !== SCHEMA_VERSION) throw new Error(`written by another version of Skein (schema ${version})`)
  const check = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
  if (check.quick_check !== 'ok') throw new Error(`damaged: ${check.quick_check}`)
  if (maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / PAGE_BYTES))}`)
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0])
}

function readIndex(db: DatabaseSync): number {
  const row = db.prepare('SELECT last_index FROM position WHERE id = 1').get()
  if (row === undefined) throw new Error('damaged: the position is missing')
  return Number(row['last_index'])
}

interface Row {
  kind: string
  key: string
  body: string
  created: number
  modified: number
}

function* readRecords(db: DatabaseSync): Generator<StoredRecord> {
  for (const row of db.prepare('SELECT kind, key, body, created, modified FROM record').iterate()) {
    const { kind, key, body, created, modified } = row as unknown as Row
    yield { kind, key, body: parseBody(kind, key, body), CreateIndex: created, ModifyIndex: modified } as StoredRecord
  }
}

function parseBody(kind: string, key: string, body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    throw new Error(`damaged: record ${kind} ${JSON.stringify(key)} is not JSON`, { cause: error })
  }
}
