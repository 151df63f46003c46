import { client } from 'skein'
import type { users } from '../services.ts'

// TS2345: Argument of type '"user"' is not assignable to parameter of type '"users"'
export const usersClient = client<typeof users>('user')
