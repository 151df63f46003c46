import type { Migrations } from '../database/migrate.ts'
import type { Tables } from './schema.ts'
import { seed } from './seed.ts'

export const migrations: Migrations<Tables> = {
  '1-orders': async (database) => {
    await database.schema
      .createTable('orders')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('userId', 'text', (column) => column.notNull()) // users have their own database: no foreign key
      .addColumn('item', 'text', (column) => column.notNull())
      .addColumn('quantity', 'integer', (column) => column.notNull())
      .execute()
  },
  '2-seed': seed,
}
