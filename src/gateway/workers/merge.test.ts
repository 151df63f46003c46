/** The pages of several workers as one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from '../../telemetry/metrics.ts'
import { clientMetrics } from '../../telemetry/standard.ts'
import { mergeExplain } from './merge-explain.ts'
import { countersOf, mergeMetrics, withoutInstances } from './merge-metrics.ts'

function metricsWith(count: number) {
  const metrics = new Metrics()
  const names = ['route', 'code'] as const
  metrics.counter('requests_total', 'Requests.', names).with('/a b "c" → d', '200').value = count
  metrics.counter('requests_total', 'Requests.', names).with('other', `${500 + count}`).value = 1
  const duration = metrics.histogram('duration_seconds', 'Time.', ['route'], [0.1, 1])
  for (let i = 0; i < count; i++) duration.observe(duration.with('a'), 0.5)
  metrics.gauge('in_flight', 'Under way.').with().value = count
  return metrics
}

test('counters, histograms and what is under way are added, series by series', () => {
  const text = mergeMetrics([metricsWith(2).toText(), '', metricsWith(3).toText()])
  const expected = metricsWith(5)
  expected.counter('requests_total', 'Requests.', ['route', 'code']).removeWhere((label) => label('route') === 'other')
  const series = (of: string) => of.split('\n').filter((line) => !line.includes('route="other"'))
  assert.deepEqual(series(text), series(expected.toText()))
  assert.match(text, /requests_total\{route="other",code="502"\} 1\nrequests_total\{route="other",code="503"\} 1\n/)
})

test('the metrics of one are as they were', () => {
  const text = metricsWith(7).toText()
  assert.equal(mergeMetrics([text]), text)
})

test('what is no sum is none', () => {
  const stale = (on: number, at: number) =>
    [
      '# HELP skein_client_discovery_stale s\n# TYPE skein_client_discovery_stale gauge',
      `skein_client_discovery_stale{service="a"} ${on}`,
      '# HELP skein_client_discovery_confirmed_timestamp_seconds c',
      '# TYPE skein_client_discovery_confirmed_timestamp_seconds gauge',
      `skein_client_discovery_confirmed_timestamp_seconds{service="a"} ${at}\n`,
    ].join('\n')
  const merged = mergeMetrics([stale(1, 200), stale(0, 0), stale(1, 100)])
  assert.match(merged, /^skein_client_discovery_stale\{service="a"\} 1$/m)
  assert.match(merged, /^skein_client_discovery_confirmed_timestamp_seconds\{service="a"\} 100$/m, 'the oldest')
})

test('what is 1 while something lasts is no more than 1, however many workers say so', () => {
  const saying = (value: number) => {
    const metrics = new Metrics()
    clientMetrics(metrics)
    const told = metrics.toText().matchAll(/^# HELP (\w+) 1 while .*\n# TYPE \w+ gauge$/gm)
    return [...told].map(([head, name]) => `${head}\n${name}{service="a"} ${value}\n`)
  }
  assert.ok(saying(1).length >= 2)
  const merged = mergeMetrics([saying(1).join(''), saying(0).join(''), saying(1).join('')])
  assert.equal(merged, saying(1).join(''))
})

test('of a worker that has gone the counters stay, and nothing that was under way', () => {
  const left = countersOf(metricsWith(2).toText())
  assert.doesNotMatch(left, /in_flight/)
  const text = mergeMetrics([left, metricsWith(1).toText()])
  assert.match(text, /duration_seconds_count\{route="a"\} 3/)
  assert.match(text, /in_flight 1\n/)
})

test('what was counted for instances that may have gone long ago can be left out', () => {
  const metrics = metricsWith(2)
  metrics.counter('calls_total', 'Calls.', ['instance']).with('a-1').value = 5
  const text = withoutInstances(metrics.toText())
  assert.doesNotMatch(text, /a-1/)
  assert.equal(mergeMetrics([text, metricsWith(1).toText()]).match(/^in_flight (\d+)$/m)?.[1], '3')
})

test('explain: an instance is eligible where all may choose it, and its requests are those of all', () => {
  const seen = (inFlight: number, cost: number, reason?: string) => ({
    ...{ instance: { id: 'a' }, inFlight, cost, eligible: reason === undefined, ...(reason && { reason }) },
  })
  const bodies = [
    { route: 'r', candidates: [seen(2, 4)] },
    { route: 'r', candidates: [seen(1, 2, 'ejected'), { ...seen(5, 1), instance: { id: 'b' } }] },
  ]
  assert.deepEqual(JSON.parse(mergeExplain(bodies.map((body) => JSON.stringify(body)))), {
    route: 'r',
    candidates: [
      { instance: { id: 'a' }, inFlight: 3, cost: 3, eligible: false, reason: 'ejected' },
      { instance: { id: 'b' }, inFlight: 5, cost: 1, eligible: true },
    ],
  })
  const guards = (state: string, leftMs: number, calls: number) => [
    {
      ...{ service: 'a', calls: 2, circuit: { state, leftMs }, bulkhead: { calls, waiting: 1 } },
      retries: { underWay: 1, allowed: 3 },
    },
  ]
  const guarded = [guards('closed', 0, 2), guards('open', 100, 3), guards('open', 200, 0), guards('half-open', 0, 1)]
  const merged = mergeExplain(guarded.map((one) => JSON.stringify({ candidates: [], guards: one })))
  assert.deepEqual(JSON.parse(merged), {
    candidates: [],
    guards: [
      {
        ...{ service: 'a', calls: 8, circuit: { state: 'open', leftMs: 200 }, bulkhead: { calls: 6, waiting: 4 } },
        retries: { underWay: 4, allowed: 12 },
      },
    ],
  })
  assert.equal(mergeExplain(['{"route":null}', '{"route":null}']), '{"route":null}')
})
