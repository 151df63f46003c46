/** Brings a schema up to date while other instances start and do the same. */
import { type Kysely, sql, type Transaction } from 'kysely'

/** Name → step, run in this order, each once. A step that was released is never changed; add another. */
export type Migrations<Tables> = Readonly<Record<string, (database: Transaction<Tables>) => Promise<void>>>

/** Held while migrating; any number will do as long as all instances use the same. */
const LOCK = 7_337_001

/**
 * Runs what has not run yet, all of it in one transaction, and one instance at a time: on SQLite the transaction takes the
 * write lock when it begins, on PostgreSQL an advisory lock serves. Kysely's Migrator locks on PostgreSQL only.
 *
 * @param schema On PostgreSQL, the schema to make and use.
 */
export async function migrate<Tables>(
  database: Kysely<Tables>,
  migrations: Migrations<Tables>,
  schema?: string,
): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    if (schema !== undefined) {
      await sql`select pg_advisory_xact_lock(${sql.lit(LOCK)})`.execute(transaction)
      await transaction.schema.createSchema(schema).ifNotExists().execute()
    }
    const known = transaction as unknown as Transaction<{ migration: { name: string } }>
    await known.schema
      .createTable('migration')
      .ifNotExists()
      .addColumn('name', 'text', (column) => column.primaryKey())
      .execute()
    const done = new Set((await known.selectFrom('migration').select('name').execute()).map(({ name }) => name))
    for (const [name, step] of Object.entries(migrations)) {
      if (done.has(name)) continue
      await step(transaction)
      await known.insertInto('migration').values({ name }).execute()
    }
  })
}
