/** Bulkhead and circuit. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer as createH2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import { Circuit, Circuits, WORDINGS_MAX } from './circuit.ts'
import { Compartment } from './compartment.ts'
import type { CallPolicy, OutboundResponse } from './contract.ts'
import { checkBulkhead, checkCircuit } from './guard-policy.ts'
import { get, inFlight, describe as instance, ok, scene } from './kit.suite.ts'

const drop = ({ source }: OutboundResponse) => source.drop(new Error('not needed'))

/** Answers when it is told to. */
function holding() {
  const held: (() => void)[] = []
  const listener: RequestListener = (request, response) => {
    request.resume()
    held.push(() => response.end('ok'))
  }
  const release = (count = held.length) => {
    for (const answer of held.splice(0, count)) answer()
  }
  return { listener, release }
}

describe('a bulkhead', () => {
  const calls = (policy: CallPolicy, operation?: string) => get({ policy, operation })

  test('lets so many through, a few wait, and the rest is told at once', async (t) => {
    const { listener, release } = holding()
    const { caller, arrivals, metrics } = await scene(t, [listener])
    const policy = { bulkhead: { calls: 2, queue: 1, waitMs: 10_000 } }
    const first = [caller.request(calls(policy)), caller.request(calls(policy))]
    await arrivals(2)
    const waiting = caller.request(calls(policy))
    await assert.rejects(caller.request(calls(policy)), (error) => {
      assert.ok(error instanceof SkeinError)
      assert.equal(error.code, 'BULKHEAD_FULL')
      assert.match(error.message, /service "users": 2 calls are under way and 1 wait/)
      return true
    })
    release(1)
    await arrivals(3)
    release()
    for (const one of [...first, waiting]) drop(await one)
    assert.match(metrics.toText(), /skein_client_errors_total\{service="users",code="BULKHEAD_FULL"\} 1/)
  })

  test('keeps one operation from taking the place of the others', async (t) => {
    const { listener, release } = holding()
    const { caller, arrivals } = await scene(t, [listener])
    const policy = { bulkhead: { perOperation: 1, queue: 0 } }
    const report = caller.request(calls(policy, 'report'))
    await arrivals(1)
    await assert.rejects(caller.request(calls(policy, 'report')), { code: 'BULKHEAD_FULL' })
    const other = caller.request(calls(policy, 'get'))
    await arrivals(2)
    release()
    for (const one of [report, other]) drop(await one)
  })

  test('who waits too long, or gives up, is out of the line; places come back whatever the end', async (t) => {
    const clock = new VirtualClock()
    const { listener, release } = holding()
    const { caller, arrivals } = await scene(t, [listener], { clock })
    const policy = { bulkhead: { calls: 1, waitMs: 50 }, deadlineMs: 1000 }
    const first = caller.request(calls(policy))
    await arrivals(1)
    const stop = new AbortController()
    const late = assert.rejects(caller.request(calls(policy)), { code: 'BULKHEAD_FULL' })
    const gone = assert.rejects(caller.request(get({ policy, signal: stop.signal })), { code: 'CANCELLED' })
    stop.abort()
    await gone
    clock.advance(50)
    await late
    clock.advance(950)
    await assert.rejects(first, { code: 'DEADLINE_EXCEEDED' })
    const next = caller.request(calls(policy))
    await arrivals(2)
    release()
    drop(await next)
  })

  test('a place that is left lets in all who were waiting for it, under whatever policy', () => {
    const compartment = new Compartment()
    const narrow = { calls: 2, perOperation: 5 }
    const wide = { perOperation: 1 }
    const gone: string[] = []
    assert.ok(compartment.enter('a', wide) && compartment.enter('b', narrow))
    compartment.wait({ operation: 'c', policy: narrow, go: () => gone.push('narrow') })
    compartment.wait({ operation: 'a', policy: wide, go: () => gone.push('wide') })
    compartment.leave('a')
    assert.deepEqual([gone, compartment.calls, compartment.waiting], [['narrow', 'wide'], 3, 0])
  })

  test('counts all calls to the service, whatever else each of them passes through', async (t) => {
    const { listener, release } = holding()
    const { caller, arrivals } = await scene(t, [listener])
    const bulkhead = { calls: 1, queue: 0 }
    const first = caller.request(calls({ bulkhead }))
    await arrivals(1)
    await assert.rejects(caller.request(calls({ bulkhead, circuit: {} })), { code: 'BULKHEAD_FULL' })
    release()
    drop(await first)
  })
})

describe('a circuit', () => {
  const policy = { circuit: { minimum: 4, openMs: 1000 }, attempts: 1 }
  const failing: RequestListener = (_request, response) => response.writeHead(500).end()

  test('opens when most calls have failed; then one call tries, and its success closes it', async (t) => {
    const clock = new VirtualClock()
    let listener = failing
    const { caller, order, metrics } = await scene(t, [(request, response) => listener(request, response)], { clock })
    for (let i = 0; i < 4; i++) drop(await caller.request(get({ policy })))
    await assert.rejects(caller.request(get({ policy })), (error) => {
      assert.ok(error instanceof SkeinError && error.code === 'CIRCUIT_OPEN')
      assert.match(error.message, /"users": most calls have failed lately; it is tried again in 1\.0 s/)
      return true
    })
    assert.equal(order.length, 4)
    assert.match(metrics.toText(), /skein_client_circuit_open\{service="users"\} 1/)
    clock.advance(1000)
    drop(await caller.request(get({ policy })))
    await assert.rejects(caller.request(get({ policy })), { code: 'CIRCUIT_OPEN' })
    clock.advance(1000)
    listener = ok
    drop(await caller.request(get({ policy })))
    drop(await caller.request(get({ policy })))
    assert.match(metrics.toText(), /skein_client_circuit_open\{service="users"\} 0/)
    assert.equal(order.length, 7)
  })

  test('is one for all calls that ask for the same, and another for those that ask for something else', async (t) => {
    const { caller, order, metrics } = await scene(t, [failing], { clock: new VirtualClock() })
    for (let i = 0; i < 4; i++) drop(await caller.request(get({ policy })))
    const guarded = { ...policy, circuit: { ...policy.circuit }, bulkhead: { calls: 9 } }
    await assert.rejects(caller.request(get({ policy: guarded })), { code: 'CIRCUIT_OPEN' })
    const patient = { ...policy, circuit: { minimum: 2, openMs: 9000 } }
    for (let i = 0; i < 2; i++) drop(await caller.request(get({ policy: patient })))
    await assert.rejects(caller.request(get({ policy: patient })), /tried again in 9\.0 s/)
    assert.equal(order.length, 6)
    assert.match(metrics.toText(), /skein_client_circuit_open\{service="users"\} 1/)
  })

  test('stays closed for a service that only has too much to do', async (t) => {
    const busy: RequestListener = (_request, response) =>
      response.writeHead(503, { 'x-skein-error': 'OVERLOADED' }).end()
    const { caller, order } = await scene(t, [busy])
    for (let i = 0; i < 10; i++) drop(await caller.request(get({ policy })))
    assert.equal(order.length, 10)
  })

  test('sees a failure of gRPC, whose status of HTTP is 200, and no failure in what is the caller’s own', async (t) => {
    let status = '5'
    const server = createH2Server((_, response) => {
      response.stream.respond({ ':status': 200, 'grpc-status': status }, { endStream: true })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { caller } = await scene(t, [], { instances: [instance('u1', port)] })
    t.after(() => server.close())
    const request = get({ method: 'POST', grpc: { timeoutMs: undefined }, policy })
    for (let i = 0; i < 4; i++) drop(await caller.request(request))
    status = '13'
    for (let i = 0; i < 5; i++) drop(await caller.request(request))
    await assert.rejects(caller.request(request), { code: 'CIRCUIT_OPEN' })
  })

  test('lets one call through at a time while it tries, and none is lost when that one is given up', () => {
    const circuit = new Circuit({ minimum: 1, openMs: 100 })
    assert.equal(circuit.enter(0), 'call')
    assert.equal(circuit.ended('call', false, 0), true)
    assert.deepEqual([circuit.state(99), circuit.enter(99)], ['open', undefined])
    assert.deepEqual([circuit.state(100), circuit.enter(100), circuit.enter(100)], ['half-open', 'probe', undefined])
    circuit.ended('probe', undefined, 110)
    assert.equal(circuit.enter(110), 'probe')
    circuit.ended('probe', true, 120)
    assert.deepEqual([circuit.state(120), circuit.enter(120)], ['closed', 'call'])
  })

  test('is one for all who ask for the same; of policies without end the newest are kept', () => {
    const circuits = new Circuits()
    const first = circuits.of({ minimum: 0.5 })
    assert.equal(circuits.of({ minimum: 0.5 }), first)
    for (let minimum = 1; minimum <= WORDINGS_MAX; minimum++) circuits.of({ minimum })
    assert.notEqual(circuits.of({ minimum: 0.5 }), first)
    assert.equal(circuits.of({ minimum: WORDINGS_MAX }), circuits.of({ minimum: WORDINGS_MAX }))
  })

  test('forgets what is older than its window', () => {
    const circuit = new Circuit({ minimum: 4, windowS: 10 })
    for (const now of [0, 1, 2]) circuit.ended('call', false, now)
    circuit.ended('call', false, 10_500)
    assert.equal(circuit.state(10_500), 'closed')
    for (const now of [10_600, 10_700, 10_800]) circuit.ended('call', false, now)
    assert.equal(circuit.state(10_800), 'open')
  })
})

test('what makes no sense is told', async (t) => {
  assert.match(checkBulkhead({ calls: 0 })!, /calls: 0 is not a whole number from 1/)
  assert.match(checkBulkhead({})!, /neither calls nor perOperation/)
  assert.match(checkBulkhead({ size: 1 })!, /no option 'size'/)
  assert.match(checkBulkhead(7)!, /7 is not an object/)
  assert.match(checkCircuit({ failureShare: 2 })!, /failureShare: 2 is not a share/)
  assert.match(checkCircuit({ failureShare: '0.5' })!, /failureShare: "0.5" is not a share/)
  assert.equal(checkCircuit({}), undefined)
  assert.equal(checkBulkhead({ calls: 5, queue: 0 }), undefined)
  const { caller } = await scene(t, [ok])
  const senseless: readonly (readonly [CallPolicy, RegExp])[] = [
    [{ bulkhead: { calls: -1 } }, /bulkhead: calls: -1 is not a whole number from 1/],
    [{ deadlineMs: Number.NaN }, /deadlineMs: NaN is no number of ms/],
    [{ deadlineMs: '5000' as unknown as number }, /deadlineMs: 5000 is no number of ms/],
    [{ attemptTimeoutMs: 0 }, /attemptTimeoutMs: 0 is no number of ms above 0/],
    [{ attemptTimeoutMs: Number.NaN }, /attemptTimeoutMs: NaN/],
    [{ attempts: 0 }, /attempts: 0 is no number from 1/],
    [{ attempts: Number.NaN }, /attempts: NaN/],
    [{ bodyIdleMs: Number.NaN }, /bodyIdleMs: NaN/],
    [{ balance: 'p3c' as 'p2c' }, /p3c/],
  ]
  for (const [policy, message] of senseless) {
    await assert.rejects(caller.request(get({ policy })), (error) => {
      assert.ok(error instanceof SkeinError && error.code === 'INVALID_INPUT', String(error))
      assert.match(error.message, /^service "users": /)
      assert.match(error.message, message)
      return true
    })
  }
})

test('what makes no sense leaves nothing behind: nobody listens for the end, and a circuit is tried again', async (t) => {
  const clock = new VirtualClock()
  let listener: RequestListener = (_, response) => response.writeHead(500).end()
  const { caller } = await scene(t, [(request, response) => listener(request, response)], { clock })
  const circuit = { minimum: 1, openMs: 1000 }
  drop(await caller.request(get({ policy: { circuit } })))
  clock.advance(1000)
  const { signal } = new AbortController()
  const policy = { circuit, bulkhead: { calls: -1 } }
  await assert.rejects(caller.request(get({ policy, signal })), { code: 'INVALID_INPUT' })
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  listener = ok
  drop(await caller.request(get({ policy: { circuit } })))
})

test('what throws where it is tailored or written fails its call and takes no place along', async (t) => {
  const clock = new VirtualClock()
  const { caller } = await scene(t, [ok], { clock })
  const policy = { bulkhead: { calls: 1, queue: 0 }, circuit: { minimum: 1, openMs: 1000 } }
  const tailor = () => {
    throw new Error('a mistake of its maker')
  }
  const throwing = get({ policy, tailoring: { suits: () => true, tailor } })
  const pathless = get({ policy, path: undefined as unknown as string })
  for (const request of [throwing, pathless]) {
    await assert.rejects(caller.request(request), SkeinError)
    drop(await caller.request(get({ policy })))
  }
  assert.equal(await inFlight(caller), 0)
})
