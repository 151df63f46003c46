import { randomUUID } from 'node:crypto'
import { openDatabase } from '../database/open.ts'
import { migrations } from './migrations.ts'
import type { Tables, User } from './schema.ts'

const database = await openDatabase<Tables>('users', migrations)

export const db = {
  user: (id: string): Promise<User | undefined> =>
    database.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst(),

  users: (limit: number): Promise<User[]> =>
    database.selectFrom('users').selectAll().orderBy('name').orderBy('id').limit(limit).execute(),

  /** The new user, or undefined when the address is taken. */
  create: (user: Omit<User, 'id'>): Promise<User | undefined> =>
    database
      .insertInto('users')
      .values({ id: randomUUID(), ...user })
      .onConflict((conflict) => conflict.column('email').doNothing())
      .returningAll()
      .executeTakeFirst(),

  close: (): Promise<void> => database.destroy(),
}
