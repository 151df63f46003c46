/** Splits, mirrors and routes by cookie, seen from outside. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { seeded } from '../core/random.ts'
import type { RouteConfig } from './contract.ts'
import { pointOf, serviceAt } from './rule/split.ts'
import { ask, type BenchOptions, httpUpstream, instance, workbench } from './workbench.suite.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)

/** Two services, `old` and `next`, that answer with their names. */
async function two(t: TestContext, route: Partial<RouteConfig>, options: BenchOptions = {}) {
  const instances = await Promise.all(
    ['old', 'next'].map(async (service) => {
      const { port } = await httpUpstream(t, (_, response) => response.end(service))
      return instance(port, { service })
    }),
  )
  const bench = await workbench(t, { instances, routes: [route], random: seeded(SEED), ...options })
  const say = async (headers: Record<string, string> = {}) => (await ask(bench.gateway.port, '/', { headers })).text
  return { ...bench, say }
}

test(`of 500 requests each service gets its share, give or take 5 points (SKEIN_SEED=${SEED})`, async (t) => {
  const { say } = await two(t, { split: { to: { old: 70, next: 30 } } })
  let next = 0
  for (let i = 0; i < 500; i++) if ((await say()) === 'next') next++
  assert.ok(next > 125 && next < 175, `${next} of 500`)
})

test('a share of 0 gets nothing', async (t) => {
  const { say } = await two(t, { split: { to: { old: 0, next: 1 } } })
  for (let i = 0; i < 20; i++) assert.equal(await say(), 'next')
})

test('by a cookie, a client stays where it is; without it chance decides', async (t) => {
  const { say } = await two(t, { split: { to: { old: 50, next: 50 }, by: 'cookie:id' } })
  const seen = new Set<string>()
  for (let id = 0; id < 20; id++) {
    const first = await say({ cookie: `a=b; id=${id}` })
    seen.add(first)
    for (let i = 0; i < 3; i++) assert.equal(await say({ cookie: `id=${id}` }), first)
  }
  assert.equal(seen.size, 2)
})

test('when a share grows, those who had that service keep it', () => {
  const at = (next: number, key: string) => serviceAt({ to: { old: 100 - next, next } }, pointOf(key))
  const had = Array.from({ length: 1000 }, (_, i) => `user-${i}`).filter((key) => at(10, key) === 'next')
  assert.ok(had.length > 60 && had.length < 140, String(had.length))
  for (const share of [20, 50, 99]) assert.ok(had.every((key) => at(share, key) === 'next'))
})

test('every point has a service', () => {
  for (const point of [0, 0.5, 1 - 2 ** -53]) assert.equal(serviceAt({ to: { a: 3, b: 0 } }, point), 'a')
})

test('explain shows the candidates of all services of a split', async (t) => {
  const { adminUrl } = await two(t, { split: { to: { old: 1, next: 1 } } })
  const { route, candidates } = (await (await fetch(`${adminUrl}/explain?path=/`)).json()) as {
    route: { name: string }
    candidates: unknown[]
  }
  assert.equal(route.name, '/* → old or next')
  assert.equal(candidates.length, 2)
})

test('a route by cookie comes before one without', async (t) => {
  const routes = [
    { to: 'old' },
    { to: 'next', cookies: { beta: '1' } },
    { to: 'next', cookies: { alpha: true as const } },
  ]
  const { say } = await two(t, {}, { routes })
  assert.equal(await say(), 'old')
  assert.equal(await say({ cookie: 'x=y; beta=1' }), 'next')
  assert.equal(await say({ cookie: 'beta=2' }), 'old')
  assert.equal(await say({ cookie: 'alpha=' }), 'next')
})

/** A service and one that gets copies; `copies` resolves with what it got. */
async function mirrored(
  t: TestContext,
  route: Partial<RouteConfig>,
  answer: (copy: IncomingMessage, response: ServerResponse) => boolean = () => true,
) {
  const copies: { url: string; body: string; marked: boolean }[] = []
  const arrived = new EventTarget()
  const shadow = await httpUpstream(t, async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    copies.push({ url: request.url!, body, marked: request.headers['x-skein-mirror'] === '1' })
    arrived.dispatchEvent(new Event('copy'))
    if (answer(request, response)) response.writeHead(500).end('never seen')
  })
  const real = await httpUpstream(t, (request, response) => {
    assert.equal(request.headers['x-skein-mirror'], undefined)
    request.resume().once('end', () => response.end('real'))
  })
  const instances = [instance(real.port), instance(shadow.port, { service: 'shadow' })]
  const bench = await workbench(t, { instances, routes: [{ to: 'users', mirror: { to: 'shadow' }, ...route }] })
  const until = async (count: number) => {
    while (copies.length < count) await once(arrived, 'copy')
    return copies
  }
  return { ...bench, until, copies }
}

test('a copy gets path and body; its answer, even a failure, nobody sees', async (t) => {
  const { gateway, until, metrics } = await mirrored(t, { path: '/api/*', rewrite: { prefix: '/' } })
  const { status, text } = await ask(gateway.port, '/api/x?y', { method: 'POST', body: 'hello' })
  assert.deepEqual([status, text], [200, 'real'])
  assert.deepEqual(await until(1), [{ url: '/x?y', body: 'hello', marked: true }])
  while (!/skein_gateway_mirrored_total\{[^}]*outcome="500"\} 1/.test(metrics.toText())) {
    await new Promise((resolve) => setImmediate(resolve))
  }
})

test('a copy that is never answered holds nobody up', async (t) => {
  const { gateway, until } = await mirrored(t, { timeoutMs: 60_000 }, () => false)
  assert.equal((await ask(gateway.port, '/')).text, 'real')
  await until(1)
})

test('a body too large to be kept is not copied', async (t) => {
  const { gateway, copies, metrics } = await mirrored(t, {})
  const body = 'x'.repeat(100_000)
  assert.equal((await ask(gateway.port, '/', { method: 'POST', body })).text, 'real')
  assert.match(metrics.toText(), /skein_gateway_mirrored_total\{[^}]*outcome="left_out"\} 1/)
  assert.equal(copies.length, 0)
})

test('a WebSocket is not copied, whichever version of HTTP brings it; a request that only could do with h2c is', async (t) => {
  const { gateway, until, copies, metrics } = await mirrored(t, { websocket: true })
  const session = connect(`http://127.0.0.1:${gateway.port}`)
  t.after(() => session.destroy())
  await once(session, 'remoteSettings')
  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/tunnel' }).resume()
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  assert.equal(Number(head[':status']), 200, 'the instance knows of none, and answers as ever')
  const headers = { connection: 'upgrade, http2-settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' }
  assert.equal((await ask(gateway.port, '/java', { headers })).text, 'real')
  await until(1)
  assert.deepEqual(
    copies.map(({ url }) => url),
    ['/java'],
  )
  assert.match(metrics.toText(), /skein_gateway_mirrored_total\{[^}]*outcome="left_out"\} 1/)
})

test('no more than 256 copies are under way', async (t) => {
  const { gateway, until, metrics } = await mirrored(t, { timeoutMs: 60_000 }, () => false)
  const leftOut = () => /mirrored_total\{[^}]*outcome="left_out"\} (\d+)/.exec(metrics.toText())?.[1]
  for (let i = 0; i < 256; i += 32) await Promise.all(Array.from({ length: 32 }, () => ask(gateway.port, '/')))
  assert.equal(leftOut(), undefined)
  for (let i = 0; i < 3; i++) assert.equal((await ask(gateway.port, '/')).text, 'real')
  assert.equal(leftOut(), '3')
  assert.equal((await until(256)).length, 256)
})

test('a copy is sent once, also where the route asks a second instance for what is slow', async (t) => {
  const asked: ServerResponse[] = []
  const slow = await httpUpstream(t, (_, response) => {
    // Answers when the second of two has come.
    if (asked.push(response) === 2) for (const one of asked) one.end('real')
  })
  const hung = await httpUpstream(t, () => {})
  const twice = (port: number, service: string) => ['a', 'b'].map((id) => instance(port, { service, id }))
  const instances = [...twice(slow.port, 'users'), ...twice(hung.port, 'shadow')]
  const routes = [{ to: 'users', mirror: { to: 'shadow' }, hedge: { delayMs: 1 }, timeoutMs: 10_000 }]
  const { gateway, metrics } = await workbench(t, { instances, routes })
  assert.equal((await ask(gateway.port, '/')).text, 'real')
  const hedged = metrics.toText().match(/^skein_client_hedges_total\{[^}]*outcome="sent"\}.*$/gm)
  assert.deepEqual(hedged, ['skein_client_hedges_total{service="users",outcome="sent"} 1'])
})

test('an endless answer to a copy is broken off', async (t) => {
  const gone = Promise.withResolvers<void>()
  const { gateway } = await mirrored(t, {}, (_, response) => {
    response.once('close', gone.resolve)
    const flood = () => {
      while (response.write('x'.repeat(10_000)));
    }
    response.on('drain', flood)
    flood()
    return false
  })
  assert.equal((await ask(gateway.port, '/')).text, 'real')
  await gone.promise
})

test('0 percent copies nothing', async (t) => {
  const { gateway, copies } = await mirrored(t, { mirror: { to: 'shadow', percent: 0 } })
  for (let i = 0; i < 5; i++) await ask(gateway.port, '/')
  assert.equal(copies.length, 0)
})
