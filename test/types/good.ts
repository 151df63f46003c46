/** Compiles: what a caller may write, and the types that it gets. */
import { client, isCallError, op, service } from 'skein'
import type { users } from './services.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function check<_ extends true>(): void {}

const usersClient = client<typeof users>('users')

export async function calls(): Promise<void> {
  const user = await usersClient.get({ id: '1' })
  check<Equal<typeof user, { id: string; name: string; born?: string | undefined }>>()

  // The input is what goes into the schema: a default may be left out. A Date arrives as JSON wrote it.
  const page = await usersClient.page({ limit: '3' })
  check<Equal<typeof page, { limit: string; at: string }>>()
  await usersClient.page({ limit: 3, after: 'x' })

  const pong = await usersClient.ping()
  check<Equal<typeof pong, 'pong'>>()
  const nothing = await usersClient.touch()
  check<Equal<typeof nothing, undefined>>()

  try {
    await usersClient.touch(undefined, { deadlineMs: 100 })
  } catch (error) {
    if (isCallError(error, usersClient.touch)) check<Equal<typeof error.code, 'Gone' | 'Busy'>>()
  }
}

export const orders = service('orders', {
  raw: op({ route: 'GET /raw' }, () => new Response('as it is')),
  hi: op({}, async (input, ctx) => {
    check<Equal<typeof input, undefined>>()
    check<Equal<typeof ctx.deadline, number | undefined>>()
    return (await usersClient.get({ id: ctx.headers.get('x-user') ?? '1' })).name
  }),
})
