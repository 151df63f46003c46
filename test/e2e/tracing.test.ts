/** OTEL_* at `skein up` and nothing else: gateway, an app that nobody changed, and a service are one trace at the collector. Real processes. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { request } from 'undici'
import { type Collector, type SeenSpan, startCollector } from '../../src/telemetry/spans/collector.suite.ts'
import { ROOT, run, scratch, up } from '../support/up.ts'

const folder = path.join(ROOT, 'examples/legacy')

/** examples/legacy as it stands, on free ports. */
const config = ({ gateway, registry }: { gateway: number; registry: number }) => `
import { fleet } from 'skein'
import example from ${JSON.stringify(path.join(folder, 'skein.config.ts'))}

const { users, greetings } = example.services
export default fleet({
  services: {
    users: { ...users, instances: 1, entry: ${JSON.stringify(`${folder}/`)} + users.entry, env: { SHOP_DATA: import.meta.dirname } },
    greetings: { ...greetings, instances: 1, cwd: ${JSON.stringify(folder)} },
  },
  registry: { port: ${registry} },
  gateway: { ...example.gateway, port: ${gateway}, workers: 2 },
})
`

/** Only what is sent at the end arrives: nothing waits so long by itself. */
const env = ({ url }: Collector) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: '600000' })

async function fleetWith(t: TestContext, name: string, collector: Collector) {
  const { dir, remove } = scratch(name)
  t.after(remove)
  t.after(() => collector.close())
  const running = await up(dir, config, ['/user/1', '/greeting/1'], env(collector))
  t.after(() => running.end('SIGKILL'))
  return running
}

describe('tracing a fleet', { timeout: 120_000 }, () => {
  test('all its parts export, each under its name, and at the end what is left', async (t) => {
    const collector = await startCollector()
    const running = await fleetWith(t, 'tracing', collector)
    const traceId = 'c'.repeat(32)
    const answer = await request(`${running.gateway}/greeting/1`, {
      headers: { traceparent: `00-${traceId}-${'d'.repeat(16)}-01` },
    })
    assert.equal(answer.statusCode, 200)
    await answer.body.dump()
    assert.equal(await running.end('SIGINT'), 0)
    const spans = collector.spans.filter((span) => span.traceId === traceId)
    assert.deepEqual(chain(spans, 'd'.repeat(16)), [
      'gateway server GET /greeting/*',
      'gateway internal greetings /greeting/* → greetings',
      'gateway client GET',
      'greetings server GET',
      'greetings internal users GET',
      'greetings client GET',
      'users server GET /user/:id',
    ])
    const instances = new Set(spans.map(({ resource }) => resource['service.instance.id']))
    assert.deepEqual([...instances].sort(), ['gateway-1', 'greetings-1', 'users-1'])
  })

  test('a collector that hangs holds up nobody at the end', async (t) => {
    const collector = await startCollector(() => {})
    const running = await fleetWith(t, 'tracing-hang', collector)
    assert.equal(await running.end('SIGINT'), 0)
    assert.ok(collector.spans.length > 0)
    assert.doesNotMatch(running.output(), /killed|SIGKILL/)
  })

  test('a variable that makes no sense is refused by name, before anything is started', async (t) => {
    const { dir, remove } = scratch('tracing-bad')
    t.after(remove)
    const bad = {
      ...process.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    }
    const args = [path.join(ROOT, 'bin/skein.js'), 'up', '--config', path.join(folder, 'skein.config.ts')]
    const { code, stderr } = await run(process.execPath, args, dir, bad)
    assert.notEqual(code, 0)
    assert.match(stderr, /OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not spoken here, only http\/json/)
  })
})

const KINDS = ['', 'internal', 'server', 'client']

/** From the span below `parent` on, each the only child of the one before. */
function chain(spans: readonly SeenSpan[], parent: string): string[] {
  const below = spans.filter((span) => span.parentSpanId === parent)
  assert.ok(below.length <= 1, `several spans below ${parent}`)
  return below.flatMap((span) => [`${span.service} ${KINDS[span.kind]} ${span.name}`, ...chain(spans, span.spanId)])
}
