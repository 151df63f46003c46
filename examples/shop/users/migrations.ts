import type { Migrations } from '../database/migrate.ts'
import type { Tables } from './schema.ts'
import { seed } from './seed.ts'

export const migrations: Migrations<Tables> = {
  '1-users': async (database) => {
    await database.schema
      .createTable('users')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('email', 'text', (column) => column.notNull().unique())
      .execute()
  },
  '2-seed': seed,
}
