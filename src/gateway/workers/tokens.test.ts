/** Rate limits that are counted in one place for all workers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import type { Ask } from '../allowance.ts'
import type { Verdict } from '../buckets.ts'
import { type RateLimitConfig, rateLimits } from '../rule/rate-limit.ts'
import type { GatewayRoute } from '../snapshot.ts'
import type { FromWorker, LimitSpec, TokenAsk, TokenVerdict } from './contract.ts'
import { SharedAllowance } from './shared-allowance.ts'
import { TokenDesk } from './token-desk.ts'

const route = { name: 'r', config: { name: 'r' } } as unknown as GatewayRoute
const limitOf = (config: RateLimitConfig) => rateLimits(config, 'r', [])[0]!

/** Workers with a desk between them, and what they ask it. */
function setUp(workers: number) {
  const clock = new VirtualClock()
  const desk = new TokenDesk()
  const asked: (readonly (readonly TokenAsk[])[])[] = []
  const all = Array.from({ length: workers }, () => {
    const specs: LimitSpec[] = []
    const allowance: SharedAllowance = new SharedAllowance(clock, (message) => {
      if (message.type === 'limit') specs[message.number] = message.spec
      if (message.type !== 'ask-tokens') return
      asked.push(message.groups)
      // As the channel does it: each message becomes a text, and comes later.
      const answer = JSON.stringify(desk.take(specs, message.groups, clock.monotonic()))
      setImmediate(() => allowance.answered(message.id, JSON.parse(answer) as TokenVerdict[][]))
    })
    return allowance
  })
  const take = async (worker: number, ...asks: Ask[]) =>
    (await all[worker]!.take(asks, clock.monotonic())).map(({ taken }) => taken)
  return { clock, desk, asked, all, take }
}

test('the sum over all workers is the limit, to the token', async () => {
  const { clock, take } = setUp(4)
  // Each worker has an object of its own for the same limit.
  const limits = Array.from({ length: 4 }, () => limitOf({ requests: 10, seconds: 10 }))
  const burst = async (count: number) => {
    const answers = await Promise.all(
      Array.from({ length: count }, (_, i) => take(i % 4, { limit: limits[i % 4]!, route, key: 'k' })),
    )
    return answers.filter(([taken]) => taken).length
  }
  assert.equal(await burst(7), 7)
  assert.equal(await burst(40), 3)
  clock.advance(4000)
  assert.equal(await burst(40), 4)
  assert.equal(await burst(40), 0)
})

test('what is asked for in one turn goes together; a flood is refused without asking', async () => {
  const { clock, asked, take } = setUp(1)
  const limit = limitOf({ requests: 2, seconds: 20 })
  const verdicts = await Promise.all(Array.from({ length: 5 }, () => take(0, { limit, route, key: 'k' })))
  assert.deepEqual(verdicts.flat(), [true, true, false, false, false])
  assert.deepEqual(
    asked.map((groups) => groups.length),
    [5],
  )
  assert.deepEqual(await take(0, { limit, route, key: 'k' }), [false])
  assert.equal(asked.length, 1, 'known to be empty')
  assert.deepEqual(await take(0, { limit, route, key: 'other' }), [true])
  clock.advance(10_000)
  assert.deepEqual(await take(0, { limit, route, key: 'k' }), [true], 'not a moment longer than it is')
})

test('who is refused by one limit takes nothing of the others, whichever worker asks', async () => {
  const { take } = setUp(2)
  const [own, all] = [
    limitOf({ requests: 1, seconds: 60, name: 'own' }),
    limitOf({ requests: 3, seconds: 60, name: 'all' }),
  ]
  const ask = (worker: number, key: string) =>
    take(worker, { limit: own, route, key }, { limit: all, route, key: '' }).then((taken) => taken.every(Boolean))
  assert.equal(await ask(0, 'flood'), true)
  for (let i = 0; i < 10; i++) assert.equal(await ask(i % 2, 'flood'), false)
  assert.equal(await ask(1, 'ann'), true)
  assert.equal(await ask(0, 'bob'), true)
  assert.equal(await ask(1, 'cyd'), false)
})

test('routes that share a default name share no limit; one that is the same after a reload does', async () => {
  const { take } = setUp(1)
  const [get, post] = ['GET', 'POST'].map((method) => ({ name: '/ → a', config: { methods: [method] } }))
  const ask = (one: unknown) =>
    take(0, { limit: limitOf({ requests: 1, seconds: 60 }), route: one as GatewayRoute, key: '' })
  assert.deepEqual(await ask(get), [true])
  assert.deepEqual(await ask(post), [true])
  assert.deepEqual(await ask({ ...get }), [false])
})

test('without a supervisor a worker counts for itself, and nobody waits for ever', async () => {
  const clock = new VirtualClock()
  const lost = new SharedAllowance(clock, () => {})
  const limit = limitOf({ requests: 2, seconds: 60 })
  const waiting = lost.take([{ limit, route, key: 'k' }], 0)
  await new Promise(setImmediate)
  const notSent = lost.take([{ limit, route, key: 'k' }], 0)
  lost.goOnAlone()
  for (const one of [waiting, notSent]) assert.equal((await one)[0]!.taken, true)
  assert.equal((lost.take([{ limit, route, key: 'k' }], 0) as readonly Verdict[])[0]!.taken, false)
})

test('while the supervisor is stuck a worker counts for itself, and no longer', async () => {
  const clock = new VirtualClock()
  const sent: FromWorker[] = []
  const stuck = new SharedAllowance(clock, (message) => sent.push(message))
  const limit = limitOf({ requests: 2, seconds: 60 })
  const take = () => stuck.take([{ limit, route, key: 'k' }], clock.monotonic())
  const asks = () => sent.filter(({ type }) => type === 'ask-tokens').length
  const first = take()
  await new Promise(setImmediate)
  clock.advance(2000)
  assert.equal((await first)[0]!.taken, true)
  assert.deepEqual([(await take())[0]!.taken, (await take())[0]!.taken, asks()], [true, false, 1])
  stuck.answered(1, [[[false, 0, 30_000, 60_000]]])
  const later = take()
  await new Promise(setImmediate)
  assert.equal(asks(), 2)
  stuck.answered(2, [[[true, 1, 0, 30_000]]])
  assert.deepEqual(await later, [{ taken: true, left: 1, retryMs: 0, fullMs: 30_000 }])
})

test('limits that no config has any more are forgotten once they are full again', () => {
  const desk = new TokenDesk()
  const ask = (limit: string, now: number) => desk.take([{ id: limit, capacity: 10, perMs: 0.01 }], [[[0, 'k']]], now)
  for (let i = 0; i < 100; i++) ask(`limit ${i}`, i)
  assert.equal(desk.size, 100)
  ask('limit 0', 1000)
  ask('new', 1100)
  assert.equal(desk.size, 2, 'limit 0, which was used since, and the new one')
})
