import { op, service } from 'skein'
import * as z from 'zod'
import { db } from './db.ts'

const User = z.object({ id: z.string(), name: z.string(), email: z.email() })
const Limit = z.coerce.number().int().min(1).max(100).default(20)

export default service(
  'users',
  {
    get: op(
      { route: 'GET /user/:id', in: z.object({ id: z.string() }), out: User, errors: { NotFound: 404 } },
      async ({ id }, ctx) => (await db.user(id)) ?? ctx.fail('NotFound', `no user ${id}`),
    ),

    list: op({ route: 'GET /user', in: z.object({ limit: Limit }), out: z.array(User) }, ({ limit }) =>
      db.users(limit),
    ),

    create: op(
      { route: 'POST /user', in: User.omit({ id: true }), out: User, errors: { EmailTaken: 409 } },
      async (user, ctx) => (await db.create(user)) ?? ctx.fail('EmailTaken', `${user.email} has an account`),
    ),
  },
  { onStop: () => db.close() },
)
