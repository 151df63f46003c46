/** Instances that say they have too much to do. */
import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { get, ok, scene } from './kit.suite.ts'

const busy: RequestListener = (request, response) => {
  request.resume()
  response.writeHead(503, { 'x-skein-error': 'OVERLOADED', 'retry-after': '1' }).end()
}

test('is tried elsewhere, a POST as well: it was not begun', async (t) => {
  for (const method of ['GET', 'POST']) {
    const { caller, order, metrics } = await scene(t, [busy, ok])
    for (let i = 0; i < 6; i++) {
      const { status, source } = await caller.request(get({ method, body: 'x' }))
      source.drop(new Error('not needed'))
      assert.equal(status, 200)
    }
    assert.ok(order.includes('u1'))
    assert.match(metrics.toText(), /retries_total\{service="users",reason="overloaded"\} \d/)
  }
})

test('where all refuse, each is asked at most once, and the refusal is the answer', async (t) => {
  const { caller, order } = await scene(t, [busy, busy, busy])
  const { status, headers, source } = await caller.request(get())
  source.drop(new Error('not needed'))
  assert.equal(status, 503)
  assert.ok(headers.includes('OVERLOADED'))
  assert.ok(new Set(order).size === order.length, order.join())
})

test('while all have just refused, nothing is tried twice', async (t) => {
  const { caller, order } = await scene(t, [busy, busy], { clock: new VirtualClock(), defaults: { attempts: 1 } })
  const ask = async (attempts: number) => {
    const { source } = await caller.request(get({ policy: { attempts, balance: 'round-robin' } }))
    source.drop(new Error('not needed'))
  }
  await ask(1)
  await ask(1)
  assert.deepEqual(new Set(order), new Set(['u1', 'u2']))
  await ask(3)
  assert.equal(order.length, 3)
})

test('ejects nobody', async (t) => {
  const { caller } = await scene(t, [busy], { clock: new VirtualClock() })
  for (let i = 0; i < 20; i++) (await caller.request(get())).source.drop(new Error('not needed'))
  const [state] = await caller.inspect('users')
  assert.deepEqual([state!.eligible, state!.inFlight], [true, 0])
  assert.equal(state!.reason, 'refused something 0.0 s ago, it had too much to do')
})

test('counts as load: the next call rather goes to the other', async (t) => {
  const { caller, order } = await scene(t, [busy, ok])
  const ask = async (attempts: number) => {
    const { source } = await caller.request(get({ policy: { balance: 'p2c', attempts } }))
    await new Promise<void>((resolve) => {
      source.drop(new Error('not needed'))
      resolve()
    })
  }
  for (let i = 0; i < 40; i++) await ask(1)
  const refused = order.filter((id) => id === 'u1').length
  assert.ok(refused <= 4, `${refused} of 40 went to the instance that refuses`)
})
