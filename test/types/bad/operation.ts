import { client } from 'skein'
import type { users } from '../services.ts'

// TS2551: Property 'gett' does not exist
export const user = await client<typeof users>('users').gett({ id: '1' })
