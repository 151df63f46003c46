import { op } from 'skein'
import * as z from 'zod'

// TS2339: Property 'ip' does not exist
export const get = op({ in: z.object({ id: z.string() }) }, ({ ip }) => ip)
