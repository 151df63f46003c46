/** Opens a service's own database: a SQLite file, or PostgreSQL when DATABASE_URL says where one is. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import { type Migrations, migrate } from './migrate.ts'
import { sqliteDialect } from './sqlite.ts'

const DEFAULT_FOLDER = fileURLToPath(new URL('../.skein', import.meta.url))

/**
 * The database of `service`, brought up to date. On SQLite it is the file `<service>.db` in the folder SHOP_DATA, default
 * `.skein/` beside the configuration; on PostgreSQL the schema `<service>`. Either way no service sees another's tables.
 */
export async function openDatabase<Tables>(service: string, migrations: Migrations<Tables>): Promise<Kysely<Tables>> {
  const url = process.env['DATABASE_URL']
  const dialect =
    url === undefined
      ? sqliteDialect(join(process.env['SHOP_DATA'] ?? DEFAULT_FOLDER, `${service}.db`))
      : new PostgresDialect({ pool: postgresPool(url, service) })
  const database = new Kysely<Tables>({ dialect })
  await migrate(database, migrations, url === undefined ? undefined : service)
  return database
}

/** `search_path` sends unqualified table names to the service's schema. An idle pool does not keep a stopping process alive. */
function postgresPool(url: string, schema: string): Pool {
  const pool = new Pool({ connectionString: url, options: `-c search_path=${schema}`, max: 5, allowExitOnIdle: true })
  // A server that restarts breaks idle connections; the pool opens new ones by itself, so this is a line in the log.
  pool.on('error', (error) => console.error(`PostgreSQL: an idle connection broke: ${error.message}`))
  return pool
}
