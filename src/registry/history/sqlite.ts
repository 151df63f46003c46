/** History in the registry's own file: written in the transaction of what it tells about, so neither is there alone. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { Change } from '../state/records.ts'
import { DamagedFile } from '../storage/sqlite-error.ts'
import { type Entry, type History, type HistoryQuery, KEPT_MS, KEPT_ON_DISK, type Note } from './contract.ts'

/** Files from before there was one have no history, that is all. */
export const HISTORY_TABLE = `
  CREATE TABLE IF NOT EXISTS history (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, time TEXT NOT NULL,
    kind TEXT NOT NULL, node TEXT, service TEXT, note TEXT NOT NULL, sum INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS history_service ON history (service, seq);
  CREATE INDEX IF NOT EXISTS history_node ON history (node, seq);`

/** For files from before there were sums. Inside a transaction. */
export function addHistorySums(db: DatabaseSync): void {
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'history'").get() === undefined) return
  db.exec('ALTER TABLE history ADD sum INTEGER NOT NULL DEFAULT 0')
  const put = db.prepare('UPDATE history SET sum = ? WHERE seq = ?')
  for (const row of db.prepare(SELECT_ALL).all() as unknown as Row[]) put.run(rowSum(row), row.seq)
}

interface Row {
  readonly seq: number
  readonly at: number
  readonly time: string
  readonly kind: string
  readonly node: string | null
  readonly service: string | null
  readonly note: string
  readonly sum: number
}

const SELECT_ALL = 'SELECT seq, at, time, kind, node, service, note, sum FROM history'

/** All columns: one that only picks the row out is as good as the row. Not `seq`, which SQLite gives. */
function rowSum({ at, time, kind, node, service, note }: Omit<Row, 'seq' | 'sum'>): number {
  return crc32(JSON.stringify([at, time, kind, node, service, note]))
}

/** Looks from the oldest on and stops at the first that stays: what is kept costs nothing. */
const CLEAR = `
  DELETE FROM history WHERE seq <= (SELECT max(seq) FROM history) - ?
  OR seq < (SELECT seq FROM history WHERE time >= ? ORDER BY seq LIMIT 1)`

/** How many are written between two clearings. */
const CLEAR_EVERY = 1000

export class SqliteHistory implements History {
  readonly #db: DatabaseSync
  readonly #max: number
  readonly #insert: StatementSync
  readonly #clear: StatementSync
  #written = 0
  #checked = false

  constructor(db: DatabaseSync, max = KEPT_ON_DISK) {
    db.exec(HISTORY_TABLE)
    this.#db = db
    this.#max = max
    this.#insert = db.prepare(
      'INSERT INTO history (at, time, kind, node, service, note, sum) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    this.#clear = db.prepare(CLEAR)
  }

  /** Inside a transaction. */
  add(changes: readonly Change[], index: number): void {
    for (const { note } of changes) {
      if (note === undefined) continue
      const { Time, Kind, Node = null, Service = null } = note
      const row = { at: index, time: Time, kind: Kind, node: Node, service: Service, note: JSON.stringify(note) }
      this.#insert.run(...Object.values(row), rowSum(row))
      // The first time, too: a registry that never lives for that many would keep all.
      if (this.#written++ % CLEAR_EVERY === 0) this.#clear.run(this.#max, oldest(Time))
    }
  }

  /** @throws DamagedFile */
  list({ service, node, kind, since, last }: HistoryQuery): readonly Entry[] {
    this.#check()
    const wanted = Object.entries({ 'service =': service, 'node =': node, 'kind =': kind, 'time >=': since })
    const given = wanted.flatMap(([test, value]) => (value === undefined ? [] : [{ test: `${test} ?`, value }]))
    const where = given.length === 0 ? '' : `WHERE ${given.map(({ test }) => test).join(' AND ')}`
    const select = this.#db.prepare(`SELECT at, note FROM history ${where} ORDER BY seq DESC LIMIT ?`)
    const rows = select.all(...given.map(({ value }) => value), last)
    return rows.reverse().map((row) => ({ Index: Number(row['at']), ...(JSON.parse(String(row['note'])) as Note) }))
  }

  /** Once, and not before someone asks: a start need not wait for what nobody may read. */
  #check(): void {
    if (this.#checked) return
    for (const row of this.#db.prepare(SELECT_ALL).iterate() as Iterable<unknown> as Iterable<Row>) {
      if (rowSum(row) !== row.sum) throw new DamagedFile(`entry ${row.seq} of the history was changed`)
    }
    this.#checked = true
  }
}

function oldest(time: string): string {
  return new Date(Date.parse(time) - KEPT_MS).toISOString()
}
