import type { Transaction } from 'kysely'
import type { Tables } from './schema.ts'

/** The first orders, so that /order/1 answers. */
export async function seed(database: Transaction<Tables>): Promise<void> {
  await database
    .insertInto('orders')
    .values([
      { id: '1', userId: '1', item: 'punched cards', quantity: 500 },
      { id: '2', userId: '2', item: 'nanosecond of wire', quantity: 1 },
      { id: '3', userId: '3', item: 'semaphore', quantity: 2 },
    ])
    .execute()
}
