/**
 * What is decided about a call can be seen in three places: its span (record.test.ts), the metrics, and what `skein explain` asks for
 * (`inspect` and `guards`). Here the last two, each while the decision holds.
 */
import assert from 'node:assert/strict'
import type { RequestListener, ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import type { CallPolicy, OutboundResponse } from './contract.ts'
import { eventually, get, ok, reset, scene } from './kit.suite.ts'

async function watched(
  t: TestContext,
  listeners: readonly RequestListener[],
  options: Parameters<typeof scene>[2] = {},
) {
  const clock = new VirtualClock()
  const made = await scene(t, listeners, { clock, random: () => 0, ...options })
  const ask = async (policy: CallPolicy = {}) => drop(await made.caller.request(get({ policy })))
  const guards = (policy: CallPolicy = {}) => made.caller.guards('users', policy)
  /** The sum over all series of a metric, or over those with this label. */
  const count = (name: string, label = '') =>
    [...made.metrics.toText().matchAll(new RegExp(`^${name}\\{([^}]*)\\} (\\S+)$`, 'gm'))]
      .filter(([, labels]) => labels!.includes(label))
      .reduce((sum, [, , value]) => sum + Number(value), 0)
  return { ...made, clock, ask, guards, count }
}

const drop = ({ source }: OutboundResponse) => source.drop(new Error('not needed'))

/** Answers when it is told to. */
function holding() {
  const held: ServerResponse[] = []
  const listener: RequestListener = (_, response) => void held.push(response)
  return { listener, release: () => held.splice(0).forEach((response) => void response.end()) }
}

test('a retry, and one that the budget forbids', async (t) => {
  const { listener, release } = holding()
  const unavailable: RequestListener = (_, response) => void response.writeHead(503).end()
  const { clock, guards, count, caller } = await watched(t, [unavailable, listener])
  const quiet = { service: 'users', calls: 0, retries: { underWay: 0, allowed: 3 } }
  assert.deepEqual(guards(), quiet)
  const calls = Array.from({ length: 8 }, async () => drop(await caller.request(get())))
  // Half of them meet the one that refuses: three may try elsewhere at a time.
  await eventually(() => {
    clock.advance(0)
    return count('skein_client_retry_budget_spent_total', 'reason="status"') === 1
  })
  assert.deepEqual(guards(), { service: 'users', calls: 7, retries: { underWay: 3, allowed: 3 } })
  assert.equal(count('skein_client_retries_total', 'reason="status"'), 3)
  await eventually(() => {
    release()
    return guards().retries.underWay === 0
  })
  release()
  await Promise.all(calls)
  assert.deepEqual(guards(), quiet)
})

test('a hedge', async (t) => {
  const { listener, release } = holding()
  const { clock, guards, count, ask, arrivals } = await watched(t, [listener, listener])
  const asked = ask({ hedge: { delayMs: 10 } })
  await arrivals(1)
  clock.advance(10)
  await arrivals(2)
  assert.equal(guards().retries.underWay, 1)
  assert.equal(count('skein_client_hedges_total', 'outcome="sent"'), 1)
  release()
  await asked
  await eventually(() => guards().retries.underWay === 0)
})

test('an ejection, and a choice in spite of it', async (t) => {
  const { guards, count, ask, caller } = await watched(t, [reset])
  assert.equal(guards().panic, undefined)
  for (let i = 0; i < 5; i++) await assert.rejects(ask({ attempts: 1 }))
  assert.equal(count('skein_client_ejections_total', 'reason="connection"'), 1)
  assert.match((await caller.inspect('users'))[0]!.reason!, /^ejected: 5 failures/)
  assert.equal(guards().panic, true)
  assert.equal(count('skein_client_panic_picks_total'), 0)
  await assert.rejects(ask({ attempts: 1 }))
  assert.equal(count('skein_client_panic_picks_total'), 1)
})

test('panic that was asked for: one of three is in, and all get requests', async (t) => {
  const { guards, count, ask } = await watched(t, [ok, reset, reset])
  const policy: CallPolicy = { attempts: 1, balance: { policy: 'round-robin', panic: 50 } }
  for (let i = 0; i < 15; i++) await ask(policy).catch(() => {})
  assert.equal(guards(policy).panic, true)
  assert.equal(guards().panic, undefined)
  const before = count('skein_client_panic_picks_total')
  for (let i = 0; i < 3; i++) await ask(policy).catch(() => {})
  assert.equal(count('skein_client_panic_picks_total') - before, 2)
})

test('a circuit that opens, is tried, and closes', async (t) => {
  let answer: RequestListener = (_, response) => void response.writeHead(500).end()
  const { listener, release } = holding()
  const { clock, guards, count, ask, arrivals } = await watched(t, [(request, response) => answer(request, response)])
  const policy = { circuit: { minimum: 1, openMs: 1000 } }
  assert.deepEqual(guards(policy).circuit, { state: 'closed', leftMs: 0 })
  await ask(policy)
  clock.advance(400)
  assert.deepEqual(guards(policy).circuit, { state: 'open', leftMs: 600 })
  assert.equal(count('skein_client_circuit_open'), 1)
  await assert.rejects(ask(policy), { code: 'CIRCUIT_OPEN' })
  assert.equal(count('skein_client_errors_total', 'code="CIRCUIT_OPEN"'), 1)
  clock.advance(600)
  answer = listener
  const trying = ask(policy)
  await arrivals(2)
  assert.deepEqual(guards(policy).circuit, { state: 'half-open', leftMs: 0 })
  release()
  await trying
  assert.deepEqual(guards(policy).circuit, { state: 'closed', leftMs: 0 })
  assert.equal(count('skein_client_circuit_open'), 0)
  assert.equal(guards().circuit, undefined)
})

test('a bulkhead: under way, waiting, refused', async (t) => {
  const { listener, release } = holding()
  const { guards, count, ask, arrivals } = await watched(t, [listener])
  const policy = { bulkhead: { calls: 1, queue: 1 } }
  const first = ask(policy)
  const second = ask(policy)
  await assert.rejects(ask(policy), { code: 'BULKHEAD_FULL' })
  assert.deepEqual(guards(policy).bulkhead, { calls: 1, waiting: 1 })
  assert.equal(count('skein_client_bulkhead_waits_total'), 1)
  assert.equal(count('skein_client_errors_total', 'code="BULKHEAD_FULL"'), 1)
  await arrivals(1)
  release()
  await arrivals(2)
  assert.deepEqual(guards(policy).bulkhead, { calls: 1, waiting: 0 })
  release()
  await Promise.all([first, second])
  assert.deepEqual(guards(policy).bulkhead, { calls: 0, waiting: 0 })
})

test('spill-over into another zone', async (t) => {
  const each = (i: number) => ({ meta: { zone: i === 0 ? 'a' : 'b' } })
  const { count, ask, caller, source, live } = await watched(t, [ok, ok], { each, zone: 'a' })
  const policy: CallPolicy = {
    balance: { policy: 'round-robin', zone: { own: 'a', minInstances: 1 } },
  }
  await ask(policy)
  assert.equal(count('skein_client_spill_over_total'), 0)
  assert.equal((await caller.inspect('users', policy))[1]!.reason, 'outside zone a')
  source.set([live[1]!.instance])
  await ask(policy)
  assert.equal(count('skein_client_spill_over_total'), 1)
  assert.equal((await caller.inspect('users', policy))[0]!.eligible, true)
})
