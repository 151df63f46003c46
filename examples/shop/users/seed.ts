import type { Transaction } from 'kysely'
import type { Tables } from './schema.ts'

/** The first users, so that /user/1 answers. */
export async function seed(database: Transaction<Tables>): Promise<void> {
  await database
    .insertInto('users')
    .values([
      { id: '1', name: 'Ada Lovelace', email: 'ada@example.com' },
      { id: '2', name: 'Grace Hopper', email: 'grace@example.com' },
      { id: '3', name: 'Edsger Dijkstra', email: 'edsger@example.com' },
    ])
    .execute()
}
