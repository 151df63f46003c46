import { client } from 'skein'
import type { users } from '../services.ts'

// TS2322: Type 'number' is not assignable to type 'string'
export const user = await client<typeof users>('users').get({ id: 1 })
