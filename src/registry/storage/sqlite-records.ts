/**
 * The records in the database, guarded against a disk that gives back other bytes than it was given: SQLite checks the
 * structure of a file and no content. Each record carries a checksum of all its columns, and the position one over the sum
 * of them all, so that a record turned, lost, doubled or out of another time is noticed when the registry starts. Not chosen:
 * checksums of pages, which need an extension in C.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { Change, StoredRecord } from '../state/records.ts'
import { DamagedFile } from './sqlite-error.ts'

export const RECORD_TABLES = `
  CREATE TABLE record (
    kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
    created INTEGER NOT NULL, modified INTEGER NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (kind, key));
  CREATE TABLE position (
    id INTEGER PRIMARY KEY CHECK (id = 1), last_index INTEGER NOT NULL, total INTEGER NOT NULL, sum INTEGER NOT NULL);
  INSERT INTO position VALUES (1, 0, 0, ${positionSum(0, 0)});`

/** For files from before there were sums. Inside a transaction. */
export function addRecordSums(db: DatabaseSync): void {
  for (const column of ['record ADD sum', 'position ADD total', 'position ADD sum']) {
    db.exec(`ALTER TABLE ${column} INTEGER NOT NULL DEFAULT 0`)
  }
  const put = db.prepare('UPDATE record SET sum = ? WHERE kind = ? AND key = ?')
  let total = 0
  for (const row of db.prepare(SELECT_ALL).all() as unknown as Row[]) {
    const sum = recordSum(row)
    put.run(sum, row.kind, row.key)
    total += sum
  }
  const { last_index: index } = db.prepare(SELECT_POSITION).get() as unknown as PositionRow
  db.prepare(SET_POSITION).run(index, total, positionSum(index, total))
}

interface Row {
  readonly kind: string
  readonly key: string
  readonly body: string
  readonly created: number
  readonly modified: number
  readonly sum: number
}

type Known = Pick<Row, 'created' | 'sum'> & { readonly rowid: number }

interface PositionRow {
  readonly last_index: number
  readonly total: number
  readonly sum: number
}

/** Sums of 32 bits add up exactly for two million records. */
interface Position {
  readonly index: number
  readonly total: number
}

const SELECT_ALL = 'SELECT kind, key, body, created, modified, sum FROM record'
const SELECT_POSITION = 'SELECT last_index, total, sum FROM position WHERE id = 1'
const SET_POSITION = 'UPDATE position SET last_index = ?, total = ?, sum = ?'

export class SqliteRecords {
  readonly #db: DatabaseSync
  readonly #known: StatementSync
  readonly #insert: StatementSync
  readonly #update: StatementSync
  readonly #remove: StatementSync
  readonly #setPosition: StatementSync
  /** As of the last commit. */
  #kept: Position
  /** With the changes of the transaction that is open. */
  #total: number

  /** @throws DamagedFile */
  constructor(db: DatabaseSync) {
    this.#db = db
    this.#kept = readPosition(db)
    this.#total = this.#kept.total
    this.#known = db.prepare('SELECT rowid, created, sum FROM record WHERE kind = ? AND key = ?')
    this.#insert = db.prepare('INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)')
    this.#update = db.prepare('UPDATE record SET body = ?, modified = ?, sum = ? WHERE rowid = ?')
    this.#remove = db.prepare('DELETE FROM record WHERE rowid = ?')
    this.#setPosition = db.prepare(SET_POSITION)
  }

  /** The highest index that is durable. */
  get index(): number {
    return this.#kept.index
  }

  /** @throws DamagedFile at a record that is not what was written, and at the end if together they are not. */
  *all(): Generator<StoredRecord> {
    let total = 0
    for (const row of this.#db.prepare(SELECT_ALL).iterate() as Iterable<unknown> as Iterable<Row>) {
      if (recordSum(row) !== row.sum) throw new DamagedFile(`record ${row.kind} ${JSON.stringify(row.key)} was changed`)
      total += row.sum
      const { kind, key, created, modified } = row
      yield { kind, key, body: JSON.parse(row.body), CreateIndex: created, ModifyIndex: modified } as StoredRecord
    }
    if (total !== this.#kept.total) throw new DamagedFile('its records are not all of one time')
  }

  /** Inside a transaction. */
  write({ kind, key, body: value }: Change, index: number): void {
    const known = this.#known.get(kind, key) as unknown as Known | undefined
    this.#total -= known?.sum ?? 0
    if (value === null) {
      if (known !== undefined) this.#remove.run(known.rowid)
      return
    }
    const body = JSON.stringify(value)
    const sum = recordSum({ kind, key, body, created: known?.created ?? index, modified: index })
    if (known === undefined) this.#insert.run(kind, key, body, index, index, sum)
    else this.#update.run(body, index, sum, known.rowid)
    this.#total += sum
  }

  /** Inside a transaction, as its last write. */
  moveTo(index: number): void {
    this.#setPosition.run(index, this.#total, positionSum(index, this.#total))
  }

  /** The transaction is durable. */
  keep(index: number): void {
    this.#kept = { index, total: this.#total }
  }

  /** The transaction did not take place. */
  takeBack(): void {
    this.#total = this.#kept.total
  }
}

/** @throws DamagedFile */
function readPosition(db: DatabaseSync): Position {
  const row = db.prepare(SELECT_POSITION).get() as unknown as PositionRow | undefined
  if (row === undefined) throw new DamagedFile('the position is missing')
  if (row.sum !== positionSum(row.last_index, row.total)) throw new DamagedFile('the position was changed')
  return { index: row.last_index, total: row.total }
}

function positionSum(index: number, total: number): number {
  return crc32(`${index} ${total}`)
}

/** In two steps, which spares a copy of a large body. */
function recordSum({ kind, key, body, created, modified }: Omit<Row, 'sum'>): number {
  return crc32(String(body), crc32(`${kind} ${key} ${created} ${modified} ${typeof body}`))
}
