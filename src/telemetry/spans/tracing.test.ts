/** The tracing that an environment asks for, shared by all that see the same one. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ConfigError } from '../../core/issues.ts'
import { createLogger } from '../../core/log.ts'
import { startCollector } from './collector.suite.ts'
import { recorded } from './tracer.ts'
import { openTracing, openTracingOrNone, type Tracing } from './tracing.ts'

async function collecting(t: TestContext, more: Record<string, string> = {}) {
  const collector = await startCollector()
  t.after(() => collector.close())
  return { ...collector, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...more } }
}

function span({ tracer }: Tracing, name: string): void {
  recorded(tracer.begin(undefined, name, 'internal'))!.end()
}

test('one for all, which sends with the last to close; the first service gives its name', async (t) => {
  const { env, spans } = await collecting(t)
  const caller = openTracing(env)!
  const users = openTracing(env, { service: 'users' })!
  const orders = openTracing(env, { service: 'orders', instance: 'orders-1' })!
  users.tell({ service: 'users', instance: 'users-1' })
  assert.equal(users.tracer, caller.tracer)
  for (const one of [caller, users, orders]) span(one, 'x')
  await users.close()
  await users.close()
  await caller.close()
  assert.equal(spans.length, 0)
  await orders.close()
  assert.equal(spans.length, 3)
  const { resource } = spans[0]!
  assert.deepEqual([resource['service.name'], resource['service.instance.id']], ['users', 'users-1'])
  assert.deepEqual([resource['process.pid'], resource['telemetry.sdk.language']], [process.pid, 'nodejs'])
  assert.equal(typeof resource['host.name'], 'string')
  assert.match(String(resource['telemetry.sdk.version']), /^\d+\.\d+\.\d+/)
})

test('what the environment says of the resource stands above all, and nobody has a name of last resort', async (t) => {
  const { env, spans } = await collecting(t, { OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=mine' })
  const tracing = openTracing(env, { instance: 'theirs' })!
  span(tracing, 'a')
  await tracing.flush()
  const { resource } = spans[0]!
  assert.deepEqual([resource['service.name'], resource['service.instance.id']], ['unknown_service:node', 'mine'])
  await tracing.close()
})

test('once closed it can be opened anew', async (t) => {
  const { env, spans } = await collecting(t)
  for (const name of ['first', 'second']) {
    const tracing = openTracing(env, { service: name })!
    span(tracing, name)
    await tracing.close()
  }
  assert.deepEqual(
    spans.map(({ service }) => service),
    ['first', 'second'],
  )
})

test('without an endpoint there is none; with a bad variable there is an error, or a line for apps that nobody changes', () => {
  assert.equal(openTracing({}), undefined)
  const bad = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_SAMPLER: 'x' }
  assert.throws(() => openTracing(bad), ConfigError)
  const lines: { level: string; err: { message: string } }[] = []
  const log = createLogger({}, 'info', { write: (line) => void lines.push(JSON.parse(line)) })
  assert.equal(openTracingOrNone(bad, { log }), undefined)
  assert.match(lines[0]!.err.message, /OTEL_TRACES_SAMPLER/)
  // Nobody else in the process fails by it.
  assert.equal(openTracing(bad), undefined)
})
