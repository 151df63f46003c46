/** What the other files here call: a service as a user writes it. */
import { op, service } from 'skein'
import * as z from 'zod'

const User = z.object({ id: z.string(), name: z.string(), born: z.string().optional() })

export const users = service('users', {
  get: op(
    { route: 'GET /user/:id', in: z.object({ id: z.string() }), out: User, errors: { NotFound: 404 } },
    ({ id }, ctx) => (id === '' ? ctx.fail('NotFound') : { id, name: 'Ada' }),
  ),
  page: op({ in: z.object({ limit: z.coerce.number().default(20), after: z.string().optional() }) }, ({ limit }) => ({
    limit: limit.toFixed(),
    at: new Date(0),
  })),
  ping: op({ route: 'GET /ping' }, () => 'pong' as const),
  touch: op({ errors: { Gone: 410, Busy: 503 } }, (_, ctx) =>
    ctx.deadline === 0 ? ctx.fail('Gone', 'too late', { at: 1 }) : undefined,
  ),
})
