import assert from 'node:assert/strict'
import type { RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { OwnPolicy } from '../balance/balance-config.ts'
import { Cancel } from '../core/cancel.ts'
import { VirtualClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import type { OutboundRequest } from './contract.ts'
import { checkHedge, type HedgePolicy } from './hedge-policy.ts'
import { eventually, get, hang, inFlight, ok, reset, type Scene, scene, text } from './kit.suite.ts'
import { RecentLatencies } from './recent-latencies.ts'

interface Stage extends Scene {
  readonly clock: VirtualClock
  /** Metric `skein_client_hedges_total`. */
  hedges(outcome: 'sent' | 'won' | 'over_budget'): number
  /** How often the n-th instance was told that nobody waits any more. */
  readonly gone: readonly number[]
}

/** Round robin begins with `u1`: the seed of the scene says so, and the first test checks it. */
async function stage(
  t: TestContext,
  listeners: readonly RequestListener[],
  hedge: HedgePolicy,
  options: Parameters<typeof scene>[2] = {},
): Promise<Stage> {
  const clock = new VirtualClock()
  const gone = listeners.map(() => 0)
  const watched = listeners.map((answer, i): RequestListener => {
    return (request, response) => {
      response.once('close', () => {
        if (!response.writableFinished) gone[i]!++
      })
      answer(request, response)
    }
  })
  const defaults = { balance: 'round-robin', hedge, attempts: 1 } as const
  const made = await scene(t, watched, { ...options, clock, random: () => 0, defaults })
  const hedges = (outcome: string) =>
    Number(
      new RegExp(`outcome="${outcome}"} (\\d+)`).exec(
        made.metrics
          .toText()
          .split('\n')
          .filter((line) => line.startsWith('skein_client_hedges_total'))
          .join('\n'),
      )?.[1] ?? 0,
    )
  return { ...made, clock, gone, hedges }
}

const answered = (response: ServerResponse, status = 200) => void response.writeHead(status).end('late')

test('a slow instance: after the delay another is asked, its answer counts, and the first is let go', async (t) => {
  const { caller, clock, order, arrivals, gone, hedges } = await stage(t, [hang, ok], { delayMs: 30 })
  const asked = caller.request(get())
  await arrivals(1)
  clock.advance(29)
  assert.equal(hedges('sent'), 0)
  clock.advance(1)
  const answer = await asked
  assert.equal(await text(answer.body), 'ok')
  assert.deepEqual(order, ['u1', 'u2'])
  assert.deepEqual(
    answer.attempts.map(({ address, ...rest }) => rest),
    [
      { instance: 'u2', outcome: 200, durationMs: 0, hedge: true },
      { instance: 'u1', outcome: 'CANCELLED', durationMs: 30 },
    ],
  )
  await eventually(() => gone[0] === 1)
  assert.equal(await inFlight(caller), 0)
  assert.deepEqual([hedges('sent'), hedges('won')], [1, 1])
})

test('an answer before the delay: nobody else is asked', async (t) => {
  const { caller, clock, order, hedges } = await stage(t, [ok, ok], { delayMs: 30 })
  await text((await caller.request(get())).body)
  clock.advance(1000)
  assert.deepEqual([order.length, hedges('sent')], [1, 0])
})

test('the first may still win, and then the hedge is let go', async (t) => {
  let answerFirst = () => {}
  const slow: RequestListener = (_, response) => (answerFirst = () => answered(response))
  const { caller, clock, arrivals, gone, hedges } = await stage(t, [slow, hang], { delayMs: 30 })
  const asked = caller.request(get())
  await arrivals(1)
  clock.advance(30)
  await arrivals(2)
  answerFirst()
  assert.equal(await text((await asked).body), 'late')
  await eventually(() => gone[1] === 1)
  assert.deepEqual([hedges('sent'), hedges('won')], [1, 0])
})

test('a policy of the user’s own that throws for the hedge: the first goes on, and the process too', async (t) => {
  let answerFirst = () => {}
  const slow: RequestListener = (_, response) => (answerFirst = () => answered(response))
  const { caller, clock, arrivals } = await stage(t, [slow, ok], { delayMs: 30 })
  let picks = 0
  const balance: OwnPolicy = ([first]) => {
    if (++picks > 1) throw new TypeError('a mistake')
    return first
  }
  const asked = caller.request(get({ policy: { balance } }))
  await arrivals(1)
  clock.advance(30)
  assert.equal(picks, 2)
  answerFirst()
  assert.equal(await text((await asked).body), 'late')
  assert.equal(await inFlight(caller), 0)
})

const WRITES: readonly Partial<OutboundRequest>[] = [
  { method: 'POST', body: 'x' },
  { method: 'PUT', body: 'x' },
  { method: 'DELETE' },
  { method: 'GET', idempotent: false },
  { method: 'POST', idempotent: true, body: Readable.from(['x']) },
]
for (const [i, change] of WRITES.entries()) {
  test(`what may change something, or cannot be sent twice, is not asked twice (${i})`, async (t) => {
    const { caller, clock, order, arrivals } = await stage(t, [hang, ok], { delayMs: 30 })
    const asked = caller.request(get({ ...change, policy: { deadlineMs: 1000 } }))
    await arrivals(1)
    clock.advance(1000)
    await assert.rejects(asked, { code: 'DEADLINE_EXCEEDED' })
    assert.deepEqual(order, ['u1'])
  })
}

test('a POST of which it was said that it may be repeated is', async (t) => {
  const { caller, clock, arrivals } = await stage(t, [hang, ok], { delayMs: 30 })
  const asked = caller.request(get({ method: 'POST', body: 'a long question', idempotent: true }))
  await arrivals(1)
  clock.advance(30)
  assert.equal((await asked).status, 200)
})

test('hedges come out of the retry budget: of ten calls to a service that is slow as a whole three are asked twice', async (t) => {
  const { caller, clock, order, arrivals, hedges } = await stage(t, [hang, hang, hang], { delayMs: 30 })
  const asked = Array.from({ length: 10 }, () => caller.request(get({ policy: { deadlineMs: 900 } })))
  await arrivals(10)
  clock.advance(30)
  await arrivals(13)
  assert.deepEqual([hedges('sent'), hedges('over_budget')], [3, 7])
  clock.advance(870)
  for (const one of await Promise.allSettled(asked)) assert.equal(one.status, 'rejected')
  assert.equal(order.length, 13)
  assert.equal(await inFlight(caller), 0)
})

test('none goes to who was asked already, is out, or has just refused something', async (t) => {
  const refuse: RequestListener = (_, response) => void response.writeHead(503, { 'x-skein-error': 'OVERLOADED' }).end()
  const refuseFirst: RequestListener = (request, response) =>
    (request.url === '/first' ? refuse : hang)(request, response)
  const { caller, clock, order, hedges } = await stage(t, [hang, hang, hang, refuseFirst], { delayMs: 30, max: 3 })
  for (let i = 0; i < 5; i++) (await caller.lease(get(), ['u1', 'u2', 'u4'])).release(true)
  const only = (id: string) => ({ balance: ((all) => all.find((one) => one.id === id) ?? all[0]) as OwnPolicy })
  await text((await caller.request(get({ path: '/first', policy: only('u4') }))).body)
  const asked = caller.request(get({ policy: { ...only('u1'), deadlineMs: 95 } }))
  for (let i = 0; i < 3; i++) {
    await eventually(() => order.length === Math.min(i + 2, 3))
    clock.advance(30)
  }
  await eventually(async () => (await inFlight(caller)) === 2)
  clock.advance(5)
  await assert.rejects(asked, { code: 'DEADLINE_EXCEEDED' })
  assert.deepEqual(order, ['u4', 'u1', 'u2'])
  assert.deepEqual([hedges('sent'), hedges('over_budget')], [1, 0])
})

test('none goes to the only instance whose version can serve the call', async (t) => {
  const each = (i: number) => ({ meta: { contract: `c${i + 1}` } })
  const { caller, clock, order, arrivals } = await stage(t, [hang, hang], { delayMs: 30 }, { each })
  const tailoring = { suits: (contract: string | undefined) => contract === 'c1', tailor: () => undefined }
  const asked = caller.request(get({ tailoring, policy: { deadlineMs: 60 } }))
  await arrivals(1)
  clock.advance(60)
  await assert.rejects(asked, { code: 'DEADLINE_EXCEEDED' })
  assert.equal(order.length, 1)
})

test('at the deadline both are let go', async (t) => {
  const { caller, clock, arrivals, gone } = await stage(t, [hang, hang], { delayMs: 30 })
  const asked = caller.request(get({ policy: { deadlineMs: 200 } }))
  await arrivals(1)
  clock.advance(30)
  await arrivals(2)
  clock.advance(170)
  await assert.rejects(asked, { code: 'DEADLINE_EXCEEDED' })
  await eventually(() => gone[0] === 1 && gone[1] === 1)
  assert.equal(await inFlight(caller), 0)
})

test('a caller that goes takes both with it, also in the middle of the answer', async (t) => {
  const begin: RequestListener = (_, response) => void response.writeHead(200).write('half')
  const { caller, clock, arrivals, gone } = await stage(t, [hang, begin], { delayMs: 30 })
  const signal = new Cancel()
  const asked = caller.request(get({ signal }))
  await arrivals(1)
  clock.advance(30)
  const answer = await asked
  signal.cancel(new SkeinError('CANCELLED', 'gone'))
  await assert.rejects(text(answer.body), { code: 'CANCELLED' })
  await eventually(() => gone[0] === 1 && gone[1] === 1)
  assert.equal(await inFlight(caller), 0)
})

for (const [what, bad] of [
  ['breaks off', reset],
  ['says 503', (_, response) => answered(response, 503)],
] as const satisfies readonly (readonly [string, RequestListener])[]) {
  test(`a hedge that ${what} does not count while the first is under way`, async (t) => {
    let answerFirst = () => {}
    const slow: RequestListener = (_, response) => (answerFirst = () => answered(response))
    const { caller, clock, arrivals } = await stage(t, [slow, bad], { delayMs: 30 })
    const asked = caller.request(get())
    await arrivals(1)
    clock.advance(30)
    await arrivals(2)
    await eventually(async () => (await inFlight(caller)) === 1 || what === 'says 503')
    answerFirst()
    const answer = await asked
    assert.equal(answer.status, 200)
    assert.equal(await text(answer.body), 'late')
    assert.equal(await inFlight(caller), 0)
  })

  test(`when both legs fail (it ${what}), the call is tried again as ever`, async (t) => {
    let failFirst = () => {}
    const fails: RequestListener = (_, response) => (failFirst = () => answered(response, 502))
    const { caller, clock, arrivals, order } = await stage(t, [fails, bad, ok], { delayMs: 30 })
    const asked = caller.request(get({ policy: { attempts: 2 } }))
    await arrivals(1)
    clock.advance(30)
    await arrivals(2)
    failFirst()
    let done = false
    void asked.then(() => (done = true))
    await eventually(() => {
      clock.advance(10) // the pause before the retry
      return done
    })
    assert.equal(await text((await asked).body), 'ok')
    assert.deepEqual(order, ['u1', 'u2', 'u3'])
    assert.equal(await inFlight(caller), 0)
  })
}

test('with a percentile the delay is what the operation was seen to take, once there are answers enough', async (t) => {
  let clock!: VirtualClock
  let count = 0
  const steady: RequestListener = (request, response) => {
    if (count++ >= 20) return void (request.url === '/hang' || answered(response))
    clock.advance(count === 7 ? 500 : 40)
    answered(response)
  }
  const made = await stage(t, [steady, steady], { delayMs: 'p90' })
  const { caller, arrivals, hedges } = made
  clock = made.clock
  for (let i = 0; i < 20; i++) await text((await caller.request(get({ operation: 'get' }))).body)
  assert.equal(hedges('sent'), 0)
  const asked = caller.request(get({ operation: 'get', path: '/hang', policy: { deadlineMs: 1000 } }))
  await arrivals(21)
  clock.advance(39)
  assert.equal(hedges('sent'), 0)
  clock.advance(1)
  assert.equal(hedges('sent'), 1)
  clock.advance(1000)
  await assert.rejects(asked, { code: 'DEADLINE_EXCEEDED' })
  // Of another operation nothing is known yet.
  const other = caller.request(get({ operation: 'list', path: '/hang', policy: { deadlineMs: 1000 } }))
  await arrivals(23)
  clock.advance(1000)
  await assert.rejects(other, { code: 'DEADLINE_EXCEEDED' })
  assert.equal(hedges('sent'), 1)
})

test('what fails fast does not tell how long an answer takes', async (t) => {
  const failing: RequestListener = (request, response) => {
    if (request.url !== '/hang') response.writeHead(502, { 'x-skein-error': 'UPSTREAM_FAILED' }).end()
  }
  const { caller, clock, arrivals, hedges } = await stage(t, [failing, failing], { delayMs: 'p90' })
  for (let i = 0; i < 20; i++) await text((await caller.request(get())).body)
  const asked = caller.request(get({ path: '/hang', policy: { deadlineMs: 500 } }))
  await arrivals(21)
  clock.advance(499)
  assert.equal(hedges('sent'), 0)
  clock.advance(1)
  await assert.rejects(asked, { code: 'DEADLINE_EXCEEDED' })
})

test('an instance that hangs is ejected although every call to it is rescued by a hedge', async (t) => {
  const { caller, clock, order, arrivals } = await stage(t, [hang, ok], { delayMs: 100 })
  for (let i = 0; i < 40; i++) {
    const before = order.length
    const asked = caller.request(get())
    await arrivals(before + 1)
    if (order.at(-1) === 'u1') clock.advance(100)
    await text((await asked).body)
  }
  const [first] = await caller.inspect('users')
  assert.match(first!.reason!, /^silent for/)
  assert.equal(order.filter((id) => id === 'u1').length, 10)
})

test('of a hedge that makes no sense it is said what is wrong', () => {
  for (const good of [{ delayMs: 0 }, { delayMs: 'p95' }, { delayMs: 30, max: 2 }]) {
    assert.equal(checkHedge(good), undefined)
  }
  for (const [bad, what] of [
    [30, /not an object/],
    [{}, /delayMs: undefined/],
    [{ delayMs: -1 }, /-1/],
    [{ delayMs: 'p42' }, /p90, p95, p99/],
    [{ delayMs: 1, max: 9 }, /from 1 to 3/],
    [{ delayMs: 1, maximum: 1 }, /no option 'maximum'/],
  ] as const) {
    assert.match(checkHedge(bad)!, what)
  }
})

test('recent latencies: what is long ago does not count, and few say nothing', () => {
  const recent = new RecentLatencies()
  for (let i = 0; i < 19; i++) recent.add(5)
  assert.equal(recent.quantile(0.95), undefined)
  recent.add(5)
  assert.equal(recent.quantile(0.95), 5)
  for (let i = 0; i < 256; i++) recent.add(i)
  assert.equal(recent.quantile(0.95), 243)
  assert.equal(recent.quantile(0.99), 253)
})
