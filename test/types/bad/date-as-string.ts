import { client } from 'skein'
import type { users } from '../services.ts'

const page = await client<typeof users>('users').page({})
// TS2339: Property 'getTime' does not exist on type 'string'
export const time = page.at.getTime()
