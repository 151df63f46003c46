import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from './metrics.ts'
import { clientMetrics, collectProcessMetrics, serverMetrics } from './standard.ts'
import { childSpan, formatTraceparent, parentIn, parseTraceparent } from './trace.ts'

test('counters, gauges and histograms in the text format', () => {
  const metrics = new Metrics()
  const hits = metrics.counter('hits_total', 'Hits.', ['path'])
  hits.with('/a"b\\c\n').value += 2
  metrics.gauge('size', 'Size.').with().value = 1.5
  const durations = metrics.histogram('d_seconds', 'D.', [], [0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 3]) durations.observe(durations.with(), value)
  assert.equal(
    metrics.toText(),
    `# HELP hits_total Hits.
# TYPE hits_total counter
hits_total{path="/a\\"b\\\\c\\n"} 2
# HELP size Size.
# TYPE size gauge
size 1.5
# HELP d_seconds D.
# TYPE d_seconds histogram
d_seconds_bucket{le="0.1"} 2
d_seconds_bucket{le="1"} 3
d_seconds_bucket{le="+Inf"} 4
d_seconds_sum 3.65
d_seconds_count 4
`,
  )
})

test('asking again gives the same metric; another kind or other labels are refused', () => {
  const metrics = new Metrics()
  assert.equal(metrics.counter('a', 'A.', ['x']), metrics.counter('a', 'A.', ['x']))
  assert.throws(() => metrics.gauge('a', 'A.', ['x']), /another type/)
  assert.throws(() => metrics.counter('a', 'A.', ['y']), /other labels/)
})

test('label sets are bounded: what comes after counts as overflow', () => {
  const counter = new Metrics().counter('a', 'A.', ['id'])
  for (let i = 0; i < 3000; i++) counter.with(String(i)).value++
  assert.ok([...counter.entries()].length <= 2001)
  assert.equal(counter.with('overflow').value, 1000)
})

test('series of instances that have gone can be removed', () => {
  const { picks } = clientMetrics(new Metrics())
  picks.with('users', 'p2c', 'users-1').value++
  picks.with('users', 'p2c', 'users-2').value++
  picks.removeWhere((label) => label('instance') === 'users-1')
  assert.deepEqual(
    [...picks.entries()].map(([labels]) => labels[2]),
    ['users-2'],
  )
})

test('process metrics are looked up at each read-out', () => {
  const metrics = new Metrics()
  collectProcessMetrics(metrics)
  serverMetrics(metrics)
  assert.match(metrics.toText(), /process_resident_memory_bytes [1-9]/)
  assert.match(metrics.toText(), /process_cpu_seconds_total 0\.\d*[1-9]|process_cpu_seconds_total [1-9]/)
})

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('traceparent is read and written', () => {
  const context = parseTraceparent(PARENT, 'vendor=1')
  assert.equal(context?.traceState, 'vendor=1')
  assert.equal(formatTraceparent(context!), PARENT)
  assert.equal(parseTraceparent(`cc${PARENT.slice(2)}-later`)?.spanId, 'b7ad6b7169203331')
})

test('a state in several fields is one, and flags that nobody knows are not passed on', () => {
  const context = parentIn(['TraceParent', PARENT, 'tracestate', 'a=1', 'x', 'y', 'Tracestate', 'b=2,c=3'])!
  assert.equal(context.traceState, 'a=1,b=2,c=3')
  assert.equal(formatTraceparent(parentIn(['traceparent', PARENT.replace(/01$/, 'ff')])!).slice(-2), '03')
  assert.equal(parentIn(['tracestate', 'a=1']), undefined)
})

for (const [why, value] of [
  ['version ff', `ff${PARENT.slice(2)}`],
  ['more than version 00 has', `${PARENT}-x`],
  ['a zero trace', PARENT.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32))],
  ['a zero span', PARENT.replace('b7ad6b7169203331', '0'.repeat(16))],
  ['upper case', PARENT.toUpperCase()],
  ['nothing', ''],
] as const) {
  test(`traceparent with ${why} is refused`, () => assert.equal(parseTraceparent(value), undefined))
}

test('a child keeps trace, flags and state and has a span of its own; a root is sampled', () => {
  const parent = parseTraceparent(PARENT, 'v=1')!
  const child = childSpan(parent)
  assert.deepEqual({ ...child, spanId: '' }, { ...parent, spanId: '' })
  assert.notEqual(child.spanId, parent.spanId)
  const root = childSpan(undefined)
  assert.match(formatTraceparent(root), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
})
