/** The spans of calls: which there are, and that each decision stands in them. */
import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { runInContext } from '../core/context.ts'
import { DECISIONS } from '../core/decisions.ts'
import { attributesOf, keptSpans } from '../telemetry/spans/kept.suite.ts'
import { recorded } from '../telemetry/spans/tracer.ts'
import { parseTraceparent } from '../telemetry/trace.ts'
import type { CallPolicy } from './contract.ts'
import { withFallback } from './fallback.ts'
import { eventually, get, hang, ok, refusing, reset, scene } from './kit.suite.ts'

const CALL = 'users read'

const failing: RequestListener = (request, response) => {
  request.resume()
  response.writeHead(500).end()
}

const unavailable: RequestListener = (_, response) => void response.writeHead(503).end()

/** Two instances: whichever is asked first does this, and all after it that. */
function twice(first: RequestListener, then: RequestListener): RequestListener[] {
  let isFirst = true
  const listener: RequestListener = (request, response) => {
    const answer = isFirst ? first : then
    isFirst = false
    answer(request, response)
  }
  return [listener, listener]
}

/** A scene whose calls are recorded. */
async function recording(
  t: TestContext,
  listeners: readonly RequestListener[],
  options: Parameters<typeof scene>[2] = {},
) {
  const kept = keptSpans()
  const made = await scene(t, listeners, { ...options, tracer: kept.tracer })
  const call = async (policy: CallPolicy = {}) => {
    const answer = await made.caller.request(get({ policy, operation: 'read' }))
    answer.source.drop(new Error('not needed'))
    return answer
  }
  return { ...kept, ...made, call, words: () => kept.told(CALL).map(([word]) => word.replace('skein.', '')) }
}

describe('a recorded call', () => {
  test('is an internal span with a client span for each attempt, whose id goes along', async (t) => {
    const { spans, live, call, told } = await recording(t, [ok])
    await call()
    const [attempt, whole] = spans
    assert.deepEqual([whole!.name, whole!.kind, whole!.parentSpanId], [CALL, 'internal', undefined])
    assert.deepEqual([attempt!.name, attempt!.kind, attempt!.parentSpanId], ['GET', 'client', whole!.spanId])
    const { port } = live[0]!.instance
    assert.deepEqual(attributesOf(attempt!), {
      'http.request.method': 'GET',
      'server.address': '127.0.0.1',
      'server.port': port,
      'url.full': `http://127.0.0.1:${port}/x`,
      'skein.service': 'users',
      'skein.instance': 'u1',
      'http.response.status_code': 200,
    })
    const sent = parseTraceparent(String(live[0]!.seen[0]!.headers['traceparent']))!
    assert.deepEqual([sent.traceId, sent.spanId, sent.traceFlags], [attempt!.traceId, attempt!.spanId, 1])
    assert.deepEqual(attributesOf(whole!), {
      'skein.service': 'users',
      'skein.operation': 'read',
      'skein.instance': 'u1',
      'skein.attempts': 1,
      'http.response.status_code': 200,
    })
    const facts = { instance: 'u1', policy: 'round-robin', candidates: 1, eligible: 1 }
    assert.deepEqual(told(CALL), [['skein.pick', facts]])
  })

  test('is below what is being served, or below the traceparent of a request that is passed on', async (t) => {
    const { tracer, spans, caller } = await recording(t, [ok])
    const served = recorded(tracer.begin(undefined, 'served', 'server'))!
    const context = { traceId: served.traceId, spanId: served.spanId, traceFlags: 1, span: served }
    const answer = await runInContext(context, () => caller.request(get()))
    answer.source.drop(new Error('not needed'))
    const whole = spans.find(({ kind }) => kind === 'internal')!
    assert.deepEqual([whole.traceId, whole.parentSpanId, whole.hasRemoteParent], [served.traceId, served.spanId, false])

    const headers = ['traceparent', `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`]
    const passed = await caller.request(get({ headers }))
    passed.source.drop(new Error('not needed'))
    const below = spans.findLast(({ kind }) => kind === 'internal')!
    assert.deepEqual([below.traceId, below.parentSpanId, below.hasRemoteParent], ['c'.repeat(32), 'd'.repeat(16), true])
  })

  test('of the path only what stands before the query is kept', async (t) => {
    const { spans, caller } = await recording(t, [ok])
    const answer = await caller.request(get({ path: '/x?token=secret' }))
    answer.source.drop(new Error('not needed'))
    assert.doesNotMatch(JSON.stringify(spans.map(attributesOf)), /secret/)
  })

  test('that is not sampled leaves no span, and all its attempts say so in one trace', async (t) => {
    const kept = keptSpans('always_off')
    const { caller, live } = await scene(t, twice(unavailable, ok), { tracer: kept.tracer })
    const answer = await caller.request(get())
    answer.source.drop(new Error('not needed'))
    const sent = live
      .flatMap(({ seen }) => seen)
      .map(({ headers }) => parseTraceparent(String(headers['traceparent']))!)
    assert.deepEqual(
      sent.map(({ traceFlags }) => traceFlags),
      [0, 0],
    )
    assert.equal(new Set(sent.map(({ traceId }) => traceId)).size, 1)
    assert.deepEqual(kept.spans, [])
  })

  test('a declared error is an answer; 4xx is an error of the attempt, 5xx of both', async (t) => {
    const { named, caller } = await recording(t, [
      (request, response) => void response.writeHead(Number(request.url!.slice(1))).end(),
    ])
    for (const status of [404, 500]) {
      const answer = await caller.request(get({ path: `/${status}`, operation: 'read', method: 'POST' }))
      answer.source.drop(new Error('not needed'))
    }
    assert.deepEqual(
      named('POST').map((span) => [span.status.code, span.attributes.get('error.type')]),
      [
        ['error', '404'],
        ['error', '500'],
      ],
    )
    assert.deepEqual(
      named(CALL).map((span) => [span.status.code, span.attributes.get('error.type')]),
      [
        ['unset', undefined],
        ['error', '500'],
      ],
    )
  })
})

describe('decisions in the span of the call', () => {
  test('a retry with its reason, the ejection that led to it, and the count of the resend', async (t) => {
    const { call, told, named } = await recording(t, [ok], { instances: [await refusing('gone')] })
    await call()
    await call()
    const events = told(CALL)
    const words = events.map(([word]) => word)
    assert.ok(words.includes('skein.ejection') && words.includes('skein.retry'), String(words))
    const [, retried] = events.find(([word]) => word === 'skein.retry')!
    assert.deepEqual(retried, { reason: 'refused', backoff_ms: 0 })
    const [, ejected] = events.find(([word]) => word === 'skein.ejection')!
    assert.equal(ejected['instance'], 'gone')
    assert.match(String(ejected['reason']), /connection refused/)
    const attempts = named('GET').map((span) => [
      span.attributes.get('error.type'),
      span.attributes.get('http.request.resend_count'),
    ])
    assert.deepEqual(
      attempts.filter(([error]) => error !== undefined),
      [['UNREACHABLE', undefined]],
    )
    assert.deepEqual(
      attempts.filter(([, resent]) => resent !== undefined),
      [[undefined, 1]],
    )
  })

  test('a retry that waits says for how long; where the budget is spent, that stands there instead', async (t) => {
    const answers: (() => void)[] = []
    const { caller, told, arrivals } = await recording(t, [
      (request, response) => void answers.push(() => unavailable(request, response)),
      (request, response) => void answers.push(() => unavailable(request, response)),
    ])
    const calls = Array.from({ length: 20 }, () => caller.request(get({ operation: 'read', policy: { attempts: 2 } })))
    await arrivals(20)
    for (const answer of answers.splice(0)) answer()
    await arrivals(24)
    for (const answer of answers.splice(0)) answer()
    for (const { source } of await Promise.all(calls)) source.drop(new Error('not needed'))
    const events = told(CALL)
    const retries = events.filter(([word]) => word === 'skein.retry')
    const spent = events.filter(([word]) => word === 'skein.retry-budget-spent')
    assert.deepEqual([retries.length, spent.length], [4, 16])
    assert.ok(
      retries.every(([, { reason, backoff_ms: ms }]) => reason === 'status' && Number(ms) > 0 && Number.isInteger(ms)),
    )
    assert.deepEqual(spent[0]![1], { reason: 'status' })
  })

  test('a hedge that is sent and wins; the attempt that was outpaced is no error', async (t) => {
    // By its number and not by who comes first: the hedge may overtake a connection that is slow to open.
    const slow: RequestListener = (request, response) =>
      (request.headers['x-skein-attempt'] === '1' ? hang : ok)(request, response)
    const { call, told, named } = await recording(t, [slow, slow])
    await call({ hedge: { delayMs: 5 } })
    const outcomes = told(CALL)
      .filter(([word]) => word === 'skein.hedge')
      .map(([, { outcome }]) => outcome)
    assert.deepEqual(outcomes, ['sent', 'won'])
    const attempts = named('GET').map(({ status, attributes }) => [
      ...[status.code, attributes.get('skein.hedge'), attributes.get('skein.outpaced')],
    ])
    assert.deepEqual(
      attempts.toSorted(),
      [
        ['unset', true, undefined],
        ['unset', undefined, true],
      ].toSorted(),
    )
  })

  test('a hedge that the budget forbids', async (t) => {
    const held: (() => void)[] = []
    const hold: RequestListener = (_, response) => void held.push(() => response.end())
    const { caller, told, arrivals, metrics } = await recording(t, [hold, hold])
    const calls = Array.from({ length: 20 }, () =>
      caller.request(get({ operation: 'read', policy: { hedge: { delayMs: 20 } } })),
    )
    await arrivals(24)
    await eventually(() => /over_budget"\} 16\n/.test(metrics.toText()))
    for (const answer of held.splice(0)) answer()
    for (const { source } of await Promise.all(calls)) source.drop(new Error('not needed'))
    const outcomes = told(CALL)
      .filter(([word]) => word === 'skein.hedge')
      .map(([, { outcome }]) => outcome)
    assert.equal(outcomes.filter((outcome) => outcome === 'sent').length, 4)
    assert.equal(outcomes.filter((outcome) => outcome === 'over_budget').length, 16)
  })

  test('an open circuit', async (t) => {
    const { call, words, named, told } = await recording(t, [failing])
    const policy = { circuit: { minimum: 1, failureShare: 0.1 } }
    await call(policy)
    await assert.rejects(call(policy), { code: 'CIRCUIT_OPEN' })
    assert.deepEqual(words(), ['pick', 'circuit', 'circuit-open'])
    assert.deepEqual(told(CALL)[1]![1], { state: 'open' })
    assert.deepEqual(
      named(CALL).map((span) => span.attributes.get('error.type')),
      ['500', 'CIRCUIT_OPEN'],
    )
  })

  test('a full bulkhead, and the wait before one', async (t) => {
    const held: (() => void)[] = []
    const { call, words, arrivals } = await recording(t, [(_, response) => void held.push(() => response.end())])
    const policy = { bulkhead: { calls: 1, queue: 1, waitMs: 10_000 } }
    const first = call(policy)
    await arrivals(1)
    const second = call(policy)
    await assert.rejects(call(policy), { code: 'BULKHEAD_FULL' })
    assert.deepEqual(words(), ['bulkhead-full'])
    held.splice(0)[0]!()
    await first
    await arrivals(2)
    held.splice(0)[0]!()
    await second
    assert.deepEqual(words(), ['bulkhead-full', 'pick', 'bulkhead-wait', 'pick'])
  })

  test('a deadline that has passed, before and after something was sent', async (t) => {
    const clock = new VirtualClock()
    const { call, words, caller, named, order } = await recording(t, [hang], { clock })
    const late = assert.rejects(call({ deadlineMs: 20 }), { code: 'DEADLINE_EXCEEDED' })
    while (order.length === 0) await new Promise((resolve) => setImmediate(resolve))
    clock.advance(20)
    await late
    assert.deepEqual(words(), ['pick', 'deadline-exceeded'])
    const context = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, deadline: 0 }
    await assert.rejects(caller.request(get({ context, operation: 'read' })), { code: 'DEADLINE_EXCEEDED' })
    assert.deepEqual(words(), ['pick', 'deadline-exceeded', 'deadline-exceeded'])
    assert.deepEqual(
      named(CALL).map((span) => span.attributes.get('skein.attempts')),
      [1, 0],
    )
  })

  test('what speaks against a choice: broken off and ejected, and still nobody else is there', async (t) => {
    const { call, told } = await recording(t, [reset])
    for (let i = 0; i < 3; i++) await assert.rejects(call())
    const picks = told(CALL)
      .filter(([word]) => word === 'skein.pick')
      .map(([, facts]) => facts)
    assert.equal(picks[0]!['in_spite'], undefined)
    const last = picks.at(-1)!
    assert.match(String(last['in_spite']), /failures in a row/)
    assert.deepEqual([last['candidates'], last['eligible']], [1, 0])
  })

  test('a choice within scopes: in its own zone, then spilt over into another', async (t) => {
    const zoned = (zone: string) => ({ meta: { zone } })
    const kept = await recording(t, [ok, ok], { each: (i) => zoned(i === 0 ? 'a' : 'b'), instances: [], zone: 'a' })
    const balance = {
      policy: 'round-robin',
      zone: { own: 'a', minInstances: 1 },
      subset: { tag: 'x' },
      otherwise: 'any',
    } as const
    for (let i = 0; i < 2; i++)
      await kept.call({ balance: { ...balance, zone: { own: i === 0 ? 'a' : 'c', minInstances: 1 } } })
    const [own, spilt] = kept.told(CALL).map(([, facts]) => facts)
    assert.deepEqual(
      [own!['zone'], own!['spill_over'], own!['scopes']],
      ['a', undefined, ['zone', 'subset', 'otherwise']],
    )
    assert.equal(spilt!['spill_over'], true)
  })

  test('a fallback stands in the span of what is being served, as the call is over', async (t) => {
    const { tracer, told, call } = await recording(t, [])
    const served = recorded(tracer.begin(undefined, 'served', 'server'))!
    const context = { traceId: served.traceId, spanId: served.spanId, traceFlags: 1, span: served }
    const answer = await runInContext(context, () =>
      withFallback(call(), () => 'instead', { service: 'users', operation: 'read' }, {}),
    )
    served.end()
    assert.equal(answer, 'instead')
    assert.deepEqual(told('served'), [
      ['skein.fallback', { service: 'users', operation: 'read', code: 'NO_INSTANCES' }],
    ])
  })
})

test('the table of decisions has a sentence for each word', () => {
  for (const [word, sentence] of Object.entries(DECISIONS)) {
    assert.match(word, /^[a-z]+(-[a-z]+)*$/)
    assert.match(sentence, /^[A-Z].*\.$/)
  }
})
