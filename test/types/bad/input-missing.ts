import { client } from 'skein'
import type { users } from '../services.ts'

// TS2741: Property 'id' is missing
export const user = await client<typeof users>('users').get({})
