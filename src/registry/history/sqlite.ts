/** History in the registry's own file: written in the transaction of what it tells about, so neither is there alone. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Change } from '../state/records.ts'
import { type Entry, type History, type HistoryQuery, KEPT_MS, KEPT_ON_DISK, type Note } from './contract.ts'

/** Beside the tables of schema 1, which know nothing of it: files from before have no history, that is all. */
export const HISTORY_TABLE = `
  CREATE TABLE IF NOT EXISTS history (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, time TEXT NOT NULL,
    kind TEXT NOT NULL, node TEXT, service TEXT, note TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS history_service ON history (service, seq);
  CREATE INDEX IF NOT EXISTS history_node ON history (node, seq);`

/** How many are written between two clearings. */
const CLEAR_EVERY = 1000

export class SqliteHistory implements History {
  readonly #db: DatabaseSync
  readonly #max: number
  readonly #insert: StatementSync
  readonly #clear: StatementSync
  #written = 0

  constructor(db: DatabaseSync, max = KEPT_ON_DISK) {
    db.exec(HISTORY_TABLE)
    this.#db = db
    this.#max = max
    this.#insert = db.prepare('INSERT INTO history (at, time, kind, node, service, note) VALUES (?, ?, ?, ?, ?, ?)')
    this.#clear = db.prepare('DELETE FROM history WHERE seq <= (SELECT max(seq) FROM history) - ? OR time < ?')
  }

  /** Inside a transaction. */
  add(changes: readonly Change[], index: number): void {
    for (const { note } of changes) {
      if (note === undefined) continue
      const { Time, Kind, Node = null, Service = null } = note
      this.#insert.run(index, Time, Kind, Node, Service, JSON.stringify(note))
      if (++this.#written % CLEAR_EVERY === 0) this.#clear.run(this.#max, oldest(Time))
    }
  }

  list({ service, node, kind, since, last }: HistoryQuery): readonly Entry[] {
    const wanted = Object.entries({ 'service =': service, 'node =': node, 'kind =': kind, 'time >=': since })
    const given = wanted.flatMap(([test, value]) => (value === undefined ? [] : [{ test: `${test} ?`, value }]))
    const where = given.length === 0 ? '' : `WHERE ${given.map(({ test }) => test).join(' AND ')}`
    const select = this.#db.prepare(`SELECT at, note FROM history ${where} ORDER BY seq DESC LIMIT ?`)
    const rows = select.all(...given.map(({ value }) => value), last)
    return rows.reverse().map((row) => ({ Index: Number(row['at']), ...(JSON.parse(String(row['note'])) as Note) }))
  }
}

function oldest(time: string): string {
  return new Date(Date.parse(time) - KEPT_MS).toISOString()
}
