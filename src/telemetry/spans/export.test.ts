import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { systemClock, VirtualClock } from '../../core/clock.ts'
import { freePort } from '../../core/free-port.ts'
import { createLogger } from '../../core/log.ts'
import { seeded } from '../../core/random.ts'
import type { Environment } from '../../core/settings.ts'
import { Metrics } from '../metrics.ts'
import { Batches, type DropReason } from './batches.ts'
import { startCollector } from './collector.suite.ts'
import type { FinishedSpan } from './contract.ts'
import { type Delivered, Delivery } from './delivery.ts'
import { startExport } from './export.ts'
import type { Verdict } from './otlp-http.ts'
import { readTracing } from './settings.ts'
import { recorded, Tracer } from './tracer.ts'

/** An exporter to `url`, with a tracer before it, its figures and the lines that it logged. */
function exporting(t: TestContext, url: string, more: Environment = {}) {
  const settings = readTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...more })!
  const metrics = new Metrics()
  const lines: Record<string, unknown>[] = []
  const log = createLogger({}, 'info', { write: (line) => void lines.push(JSON.parse(line)) })
  const exporter = startExport({
    ...{ settings, metrics, clock: systemClock, random: seeded(1), log: () => log },
    resource: () => ({ 'service.name': 'test', ...settings.resource }),
  })
  t.after(() => exporter.close(0))
  const tracer = new Tracer({ sink: exporter.sink, sampler: settings.sampler, clock: systemClock })
  const span = (name: string) => recorded(tracer.begin(undefined, name, 'internal'))!
  const counted = () =>
    Object.fromEntries(
      metrics
        .toText()
        .matchAll(/^skein_spans_(\w+?)(?:\{reason="\w+"\})? (\d+)$/gm)
        .map(([, name, value]) => [name!, Number(value)]),
    )
  const dropped = (reason: DropReason) =>
    Number(new RegExp(`skein_spans_dropped_total\\{reason="${reason}"\\} (\\d+)`).exec(metrics.toText())?.[1] ?? 0)
  return { exporter, tracer, span, lines, counted, dropped }
}

async function collector(t: TestContext, answer?: Parameters<typeof startCollector>[0]) {
  const started = await startCollector(answer)
  t.after(() => started.close())
  return started
}

const status =
  (code: number, headers: Record<string, string> = {}, body = '{}') =>
  (_: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(body)

describe('spans at the collector', () => {
  test('arrive in the form of OTLP: attributes of each kind, events, status, parents, resource', async (t) => {
    const { url, spans, requests } = await collector(t)
    const { exporter, span } = exporting(t, `${url}/base/`, {
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b,Authorization=Bearer%20c',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,team=a%2Cb',
      OTEL_SERVICE_NAME: 'orders',
    })
    const root = span('root')
    root.set({
      text: 'ü\ud800 "\\\n',
      int: 7,
      big: 2 ** 60,
      double: 0.5,
      nan: Number.NaN,
      yes: true,
      list: ['a', 'b'],
      none: undefined,
    })
    const child = root.child('child', 'client')
    child.event('happened', { at: 1 })
    child.decide('retry', { reason: 'reset', backoff_ms: 12.5 })
    child.fail('503', 'broken')
    child.fail('500')
    child.end()
    root.end()
    root.set({ late: 1 })
    root.end()
    await exporter.flush()

    assert.equal(requests[0]!.url, '/base/v1/traces')
    assert.deepEqual([requests[0]!.headers['x-key'], requests[0]!.headers.authorization], ['a b', 'Bearer c'])
    const [below, above] = spans
    assert.deepEqual(above!.attributes, {
      ...{ text: 'ü\ufffd "\\\n', int: 7, big: 2 ** 60, double: 0.5, nan: 'NaN', yes: true, list: ['a', 'b'] },
    })
    assert.deepEqual(above!.resource, { 'service.name': 'orders', 'deployment.environment.name': 'test', team: 'a,b' })
    assert.deepEqual([above!.kind, above!.parentSpanId, above!.error, above!.flags], [1, undefined, false, 0x101])
    assert.deepEqual([below!.kind, below!.parentSpanId, below!.traceId], [3, above!.spanId, above!.traceId])
    assert.deepEqual([below!.error, below!.message, below!.attributes['error.type']], [true, 'broken', '503'])
    assert.deepEqual(below!.events, [
      { name: 'happened', attributes: { at: 1 } },
      { name: 'skein.retry', attributes: { 'skein.reason': 'reset', 'skein.backoff_ms': 12.5 } },
    ])
    assert.ok(above!.startNs <= below!.startNs && below!.endNs <= above!.endNs)
    assert.equal(spans.length, 2)
  })

  test('arrive whatever code without types puts into them', async (t) => {
    const { url, spans } = await collector(t)
    const { exporter, span, lines } = exporting(t, url)
    const circle: unknown[] = []
    circle.push(circle)
    const odd = span('odd')
    const none = Object.assign(Object.create(null), { q: 'ü' })
    // biome-ignore lint/suspicious/noSparseArray: that is what it is about
    const attributes = { none, circle, holes: [, 1], nil: null, date: new Date(0), big: 1n, symbol: Symbol('s') }
    odd.set(attributes as never)
    odd.event('e', { list: [null, none] } as never)
    odd.fail('broken', new Error('in two\nlines') as never)
    odd.end()
    span('fine').end()
    await exporter.flush()
    assert.deepEqual([spans.length, lines.length], [2, 0])
    assert.deepEqual(spans[0]!.attributes['none'], "[Object: null prototype] { q: 'ü' }")
    assert.deepEqual([spans[0]!.attributes['nil'], spans[0]!.attributes['big']], ['null', '1'])
    assert.match(spans[0]!.message ?? '', /^Error: in two\nlines/)
  })

  test('arrive compressed where that is asked for', async (t) => {
    const { url, spans, requests } = await collector(t)
    const { exporter, span } = exporting(t, url, { OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'gzip' })
    span('a').end()
    await exporter.flush()
    assert.equal(requests[0]!.headers['content-encoding'], 'gzip')
    assert.equal(spans.length, 1)
  })

  test('come by 512, over one connection, and 128 attributes and events are kept of each', async (t) => {
    const { url, spans, requests } = await collector(t)
    const { exporter, span, counted } = exporting(t, url)
    for (let i = 0; i < 1100; i++) span(`s${i}`).end()
    const crowded = span('crowded')
    for (let i = 0; i < 200; i++) {
      crowded.set({ [`a${i}`]: i })
      crowded.event('e')
    }
    crowded.end()
    await exporter.flush()
    assert.deepEqual([requests.length, spans.length, counted()['exported_total']], [3, 1101, 1101])
    assert.equal(new Set(requests.map(({ socket }) => socket.remotePort)).size, 1)
    const seen = spans.at(-1)!
    assert.deepEqual([Object.keys(seen.attributes).length, seen.events.length], [128, 128])
  })

  test('a parent elsewhere is marked, and its state and other flags go along', async (t) => {
    const { url, spans } = await collector(t)
    const { exporter, tracer } = exporting(t, url, { OTEL_TRACES_SAMPLER: 'always_on' })
    const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 2, traceState: 'v=1' }
    recorded(tracer.begin(parent, 'x', 'server', true))!.end()
    await exporter.flush()
    const { flags, traceState, parentSpanId, traceId } = spans[0]!
    assert.deepEqual([flags, traceState, parentSpanId, traceId], [0x303, 'v=1', parent.spanId, parent.traceId])
  })
})

describe('a collector that is not well', () => {
  test('away: a line, figures, and another try until the time is over', async (t) => {
    const { exporter, span, lines, dropped } = exporting(t, `http://127.0.0.1:${await freePort()}`, {
      OTEL_BSP_EXPORT_TIMEOUT: '400',
    })
    span('a').end()
    await exporter.flush()
    span('b').end()
    await exporter.flush()
    assert.equal(dropped('failed'), 2)
    assert.equal(lines.length, 1)
    assert.match(String(lines[0]!['reason']), /ECONNREFUSED/)
  })

  test('slow: no answer within the time-out counts as none', async (t) => {
    const { url, requests } = await collector(t, () => {})
    const { exporter, span, lines, dropped } = exporting(t, url, {
      OTEL_EXPORTER_OTLP_TIMEOUT: '20',
      OTEL_BSP_EXPORT_TIMEOUT: '30',
    })
    span('a').end()
    await exporter.flush()
    assert.deepEqual([requests.length, dropped('failed')], [1, 1])
    assert.equal(lines[0]!['reason'], 'no answer in 20 ms')
  })

  test('an answer that begins and does not end is none, and told so', async (t) => {
    const { url } = await collector(t, (_, response) => void response.writeHead(200).write('{'))
    const { exporter, span, lines } = exporting(t, url, {
      OTEL_EXPORTER_OTLP_TIMEOUT: '20',
      OTEL_BSP_EXPORT_TIMEOUT: '20',
    })
    span('a').end()
    await exporter.flush()
    assert.equal(lines[0]!['reason'], 'no answer in 20 ms')
  })

  test('429 with Retry-After: asked again then, and once more told that all is well', async (t) => {
    const { url, spans } = await collector(t, (request, response, number) =>
      number === 1
        ? status(429, { 'retry-after': '0' }, '{"message":"slowly"}')(request, response)
        : status(200)(request, response),
    )
    const { exporter, span, lines, counted } = exporting(t, url)
    span('a').end()
    await exporter.flush()
    assert.deepEqual([spans.length, counted()['exported_total'], lines.length], [2, 1, 0])
  })

  test('503 with Retry-After as a date that has passed: asked again at once', async (t) => {
    const { url, spans } = await collector(t, (request, response, number) =>
      status(number === 1 ? 503 : 200, { 'retry-after': new Date(0).toUTCString() })(request, response),
    )
    const { exporter, span, counted } = exporting(t, url)
    span('a').end()
    await exporter.flush()
    assert.deepEqual([spans.length, counted()['exported_total']], [2, 1])
  })

  test('400: told, and not asked again', async (t) => {
    const { url, requests } = await collector(t, status(400, {}, '{"message":"no such tenant"}'))
    const { exporter, span, lines, dropped } = exporting(t, url)
    span('a').end()
    await exporter.flush()
    assert.deepEqual([requests.length, dropped('failed')], [1, 1])
    assert.equal(lines[0]!['reason'], 'status 400: no such tenant')
  })

  test('a redirect is no success, and an answer that is no JSON is one', async (t) => {
    const { url } = await collector(t, (request, response, number) =>
      number === 1 ? status(302, { location: '/' })(request, response) : status(200, {}, '<html>')(request, response),
    )
    const { exporter, span, dropped, counted } = exporting(t, url)
    span('a').end()
    await exporter.flush()
    assert.equal(dropped('failed'), 1)
    span('b').end()
    await exporter.flush()
    assert.equal(counted()['exported_total'], 1)
  })

  test('a count of refused spans that is none counts as none', async (t) => {
    const counts = ['-5', '"many"', '{"toString":1}', 'null', '0.5']
    const { url, requests } = await collector(t, (request, response, number) =>
      status(200, {}, `{"partialSuccess":{"rejectedSpans":${counts[number - 1]}}}`)(request, response),
    )
    const { exporter, span, dropped, counted } = exporting(t, url)
    for (const _ of counts) {
      span('a').end()
      await exporter.flush()
    }
    assert.deepEqual(
      [requests.length, counted()['exported_total'], dropped('refused')],
      [counts.length, counts.length, 0],
    )
  })

  test('partial success: what was refused is counted, told and not sent again', async (t) => {
    const partial = '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}'
    const { url, requests } = await collector(t, status(200, {}, partial))
    const { exporter, span, lines, dropped, counted } = exporting(t, url)
    span('a').end()
    span('b').end()
    await exporter.flush()
    assert.deepEqual([requests.length, dropped('refused'), counted()['exported_total']], [1, 1, 1])
    assert.deepEqual([lines[0]!['reason'], lines[0]!['lost']], ['too old', 1])
  })

  test('a port that speaks something else is told to be so', async (t) => {
    const { lines, exporter, span } = exporting(t, 'http://user:secret@127.0.0.77:4317', {
      OTEL_BSP_EXPORT_TIMEOUT: '400',
    })
    span('a').end()
    await exporter.flush()
    assert.match(String(lines[0]!['msg']), /4317 is the port of OTLP over gRPC/)
    assert.doesNotMatch(JSON.stringify(lines), /secret/)
  })

  test('hanging at the end: the end waits for its bound and no longer, and counts what is left', async (t) => {
    const { url } = await collector(t, () => {})
    const { exporter, span, dropped } = exporting(t, url)
    for (let i = 0; i < 600; i++) span('a').end()
    await exporter.close(50)
    assert.equal(dropped('exit'), 600)
    span('late').end()
    assert.equal(dropped('exit'), 601)
  })
})

describe('delivery, in virtual time', () => {
  /** What became of a batch, with the moments of the requests, ms. */
  async function deliver(clock: VirtualClock, verdicts: Verdict[], exportMs = 30_000, batches = 1) {
    const at: number[] = []
    const post = async () => {
      at.push(clock.monotonic())
      return verdicts.length > 1 ? verdicts.shift()! : verdicts[0]!
    }
    const delivery = new Delivery({
      ...{ clock, exportMs, timeoutMs: 10_000 },
      collector: { post, close() {} },
      random: () => 1,
    })
    const outcomes: Delivered[] = []
    const running = (async () => {
      for (let i = 0; i < batches; i++) outcomes.push(await delivery.send('{}', new AbortController().signal))
    })()
    let isOver = false
    void running.then(() => {
      isOver = true
    })
    while (!isOver) {
      for (let i = 0; i < 20; i++) await Promise.resolve()
      if (!isOver) clock.advance(500)
    }
    return { outcomes, at }
  }

  const again = (afterMs?: number): Verdict => ({ kind: 'again', message: 'busy', afterMs })
  const taken: Verdict = { kind: 'taken', refused: 0 }

  test('waits double, from a second on, until the time of the batch is over', async () => {
    const { outcomes, at } = await deliver(new VirtualClock(), [again()])
    assert.deepEqual(at, [0, 1000, 3000, 7000, 15_000])
    assert.deepEqual(outcomes, [{ refused: 0, lost: true, message: 'busy' }])
  })

  test('Retry-After holds, also for the next batch where this one could not wait so long', async () => {
    const { outcomes, at } = await deliver(new VirtualClock(), [again(4000), taken, again(60_000), taken], 30_000, 3)
    assert.deepEqual(at, [0, 4000, 4000, 64_000])
    assert.deepEqual(
      outcomes.map(({ lost }) => lost),
      [false, true, false],
    )
  })

  test('whoever says "at once" again and again is asked at once the first time only', async () => {
    const { at } = await deliver(new VirtualClock(), [again(0)])
    assert.deepEqual(at, [0, 0, 1000, 3000, 7000, 15_000])
  })

  test('whoever asks for hours is asked again after five minutes', async () => {
    const { at } = await deliver(new VirtualClock(), [again(1e9), taken], 30_000, 2)
    assert.deepEqual(at, [0, 300_000])
  })
})

describe('the queue, in virtual time', () => {
  function queue(send: (spans: readonly FinishedSpan[], signal: AbortSignal) => Promise<void>) {
    const clock = new VirtualClock()
    const dropped: [number, DropReason][] = []
    const failures: unknown[] = []
    const limits = { queueMax: 4, batchMax: 2, delayMs: 5000 }
    const batches = new Batches({
      ...limits,
      clock,
      send,
      dropped: (...drop) => void dropped.push(drop),
      failed: (error) => failures.push(error),
    })
    const tracer = new Tracer({ sink: batches, sampler: () => true, clock })
    const add = (count: number) => {
      for (let i = 0; i < count; i++) recorded(tracer.begin(undefined, 'x', 'internal'))!.end()
    }
    return { clock, dropped, failures, batches, add }
  }

  test('a full batch goes at once, the rest after the delay, one batch at a time', async () => {
    const sent: number[] = []
    const { clock, add, batches } = queue(async (spans) => void sent.push(spans.length))
    add(3)
    assert.deepEqual(sent, [2])
    await batches.flush
    clock.advance(4999)
    assert.deepEqual(sent, [2])
    clock.advance(1)
    await Promise.resolve()
    assert.deepEqual(sent, [2, 1])
  })

  test('what has no room is dropped and counted, and nothing else', async () => {
    const gate = Promise.withResolvers<void>()
    const sent: number[] = []
    const { add, dropped, batches } = queue(async (spans) => {
      sent.push(spans.length)
      await gate.promise
    })
    add(9)
    assert.deepEqual(dropped, [
      [1, 'queue_full'],
      [1, 'queue_full'],
      [1, 'queue_full'],
    ])
    gate.resolve()
    await batches.flush()
    assert.deepEqual(sent, [2, 2, 2])
  })

  test('a mistake while a batch is written costs that batch, and is told', async () => {
    const sent: number[] = []
    const { add, batches, dropped, failures } = queue(async (spans) => {
      if (sent.push(spans.length) === 1) throw new TypeError('ours')
    })
    add(3)
    await batches.flush()
    assert.deepEqual([sent, dropped, failures.map(String)], [[2, 1], [[2, 'failed']], ['TypeError: ours']])
  })

  test('a flush beside one that runs brings out all that was there', async () => {
    const sent: number[] = []
    const { add, batches } = queue(async (spans) => {
      sent.push(spans.length)
      await Promise.resolve()
    })
    add(2)
    add(1)
    const first = batches.flush()
    const second = batches.flush()
    add(1)
    await Promise.all([first, second])
    await batches.flush()
    assert.equal(
      sent.reduce((sum, count) => sum + count, 0),
      4,
    )
  })
})
