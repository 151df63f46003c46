/** Kysely on node:sqlite, which Node brings: no native module to build. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely'

/** How long one instance waits for another's write before it gives up, ms. */
const BUSY_TIMEOUT_MS = 10_000

/** A dialect on one file, which all instances of a service on this machine share. */
export function sqliteDialect(file: string): SqliteDialect {
  mkdirSync(dirname(file), { recursive: true })
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  useWriteAheadLog(database)
  return new ImmediateSqliteDialect({
    database: { close: () => database.close(), prepare: (text) => asKyselyExpects(database.prepare(text)) },
  })
}

/**
 * With a write-ahead log readers do not wait for the writer. Switching it on is the one statement for which SQLite does
 * not wait while another process holds the file, and that process is an instance doing the same: so try until it is on.
 */
function useWriteAheadLog(database: DatabaseSync): void {
  for (let tries = 1; ; tries++) {
    try {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON')
      return
    } catch (error) {
      if (tries === 100 || !(error instanceof Error && error.message.includes('locked'))) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    }
  }
}

/** Kysely expects better-sqlite3's statements: parameters in one array, and `reader` for those that give rows. */
function asKyselyExpects(statement: StatementSync): SqliteStatement {
  const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  }
}

class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig

  constructor(config: SqliteDialectConfig) {
    super(config)
    this.#config = config
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config)
  }
}

/**
 * Transactions take the write lock when they begin. SQLite's default takes it at the first write, and then refuses at once,
 * without waiting, if another instance has written since this one read.
 */
class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }
}
