import { client } from 'skein'
import type { users } from '../services.ts'

const user = await client<typeof users>('users').get({ id: '1' })
// TS2551: Property 'nam' does not exist
export const name = user.nam
