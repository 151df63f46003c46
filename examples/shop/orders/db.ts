import { randomUUID } from 'node:crypto'
import { openDatabase } from '../database/open.ts'
import { migrations } from './migrations.ts'
import type { Order, Tables } from './schema.ts'

const database = await openDatabase<Tables>('orders', migrations)

export const db = {
  order: (id: string): Promise<Order | undefined> =>
    database.selectFrom('orders').selectAll().where('id', '=', id).executeTakeFirst(),

  orders: (limit: number): Promise<Order[]> =>
    database.selectFrom('orders').selectAll().orderBy('id').limit(limit).execute(),

  create: (order: Omit<Order, 'id'>): Promise<Order> =>
    database
      .insertInto('orders')
      .values({ id: randomUUID(), ...order })
      .returningAll()
      .executeTakeFirstOrThrow(),

  close: (): Promise<void> => database.destroy(),
}
