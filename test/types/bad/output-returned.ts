import { op } from 'skein'
import * as z from 'zod'

// TS2322: Type 'number' is not assignable to type 'string'
export const get = op({ out: z.object({ id: z.string() }) }, () => ({ id: 7 }))
