import { client, isCallError, op, service } from 'skein'
import * as z from 'zod'
import type users from '../users/service.ts' // a type: none of the other service's code is loaded
import { db } from './db.ts'

const usersClient = client<typeof users>('users')

const Order = z.object({ id: z.string(), userId: z.string(), item: z.string(), quantity: z.int().positive() })
const OrderWithUser = Order.extend({ user: z.object({ id: z.string(), name: z.string(), email: z.email() }) })
const Limit = z.coerce.number().int().min(1).max(100).default(20)

export default service(
  'orders',
  {
    get: op(
      { route: 'GET /order/:id', in: z.object({ id: z.string() }), out: OrderWithUser, errors: { NotFound: 404 } },
      async ({ id }, ctx) => {
        const order = (await db.order(id)) ?? ctx.fail('NotFound', `no order ${id}`)
        return { ...order, user: await usersClient.get({ id: order.userId }) }
      },
    ),

    list: op({ route: 'GET /order', in: z.object({ limit: Limit }), out: z.array(Order) }, ({ limit }) =>
      db.orders(limit),
    ),

    create: op(
      { route: 'POST /order', in: Order.omit({ id: true }), out: Order, errors: { NoSuchUser: 422 } },
      async (order, ctx) => {
        await usersClient.get({ id: order.userId }).catch((error: unknown) => {
          throw isCallError(error, usersClient.get) ? ctx.fail('NoSuchUser', error.message) : error
        })
        return db.create(order)
      },
    ),
  },
  { onStop: () => db.close() },
)
