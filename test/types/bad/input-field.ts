import { client } from 'skein'
import type { users } from '../services.ts'

// TS2353: 'ids' does not exist in type
export const user = await client<typeof users>('users').get({ ids: '1' })
