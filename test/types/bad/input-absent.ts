import { client } from 'skein'
import type { users } from '../services.ts'

// TS2554: Expected 1-2 arguments, but got 0
export const user = await client<typeof users>('users').get()
