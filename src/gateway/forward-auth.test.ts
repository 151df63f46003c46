/** A service that decides who comes in, seen from outside. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders, OutgoingHttpHeaders, RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import type { RouteConfig } from './contract.ts'
import type { ForwardAuthConfig } from './rule/auth.ts'
import { type AskOptions, ask, deadPort, echoBench, httpUpstream, instance, workbench } from './workbench.suite.ts'

/** `decide` answers for the service that is asked. */
async function asked(
  t: TestContext,
  decide: RequestListener,
  change: Partial<ForwardAuthConfig> = {},
  rules: Partial<RouteConfig> = {},
) {
  const questions: { url: string; headers: IncomingHttpHeaders }[] = []
  const login = await httpUpstream(t, (request, response) => {
    questions.push({ url: request.url!, headers: request.headers })
    decide(request, response)
  })
  const real = await httpUpstream(t, (request, response) => {
    const { method, url, headers } = request
    request.resume().once('end', () => response.end(JSON.stringify({ method, url, headers, body: '' })))
  })
  const clock = new VirtualClock(Date.now())
  const bench = await workbench(t, {
    instances: [instance(real.port), instance(login.port, { service: 'login' })],
    routes: [{ to: 'users', auth: { forwardAuth: { to: 'login', path: '/check', ...change } }, ...rules }],
    clock,
  })
  return { ...bench, questions, clock, ask: (path: string, init?: AskOptions) => ask(bench.gateway.port, path, init) }
}

const yes: RequestListener = (_, response) =>
  void response.writeHead(204, { 'x-auth-subject': 'ada', 'x-roles': 'clerk', 'x-secret': 's' }).end()

test('a yes lets in; the upstream gets what it is told, and nothing that the client invents', async (t) => {
  const it = await asked(t, yes, { forward: ['X-Roles'] })
  const headers = {
    authorization: 'Bearer x',
    cookie: 'a=b',
    'x-own': '1',
    'x-roles': 'admin',
    'x-auth-subject': 'root',
  }
  const { status, echoed } = await it.ask('/order/7?a=b', { method: 'POST', headers, body: 'hello' })
  assert.equal(status, 200)
  assert.equal(echoed.headers['x-roles'], 'clerk')
  assert.equal(echoed.headers['x-auth-subject'], 'ada')
  assert.equal(echoed.headers['x-skein-subject'], 'ada')
  assert.equal(echoed.headers['x-secret'], undefined)
  const [{ url, headers: told }] = it.questions as [(typeof it.questions)[0]]
  assert.equal(url, '/check')
  assert.deepEqual([told.authorization, told.cookie, told['x-own']], ['Bearer x', 'a=b', undefined])
  assert.deepEqual([told['x-forwarded-method'], told['x-forwarded-uri']], ['POST', '/order/7?a=b'])
  assert.deepEqual([told['x-forwarded-for'], told['content-length']], ['127.0.0.1', undefined])
  assert.equal((await it.line())['subject'], 'auth:ada')
})

test('a yes without a name: the fields of the client go nevertheless', async (t) => {
  const it = await asked(t, (_, response) => void response.end('fine'), { forward: ['x-roles'] })
  const { status, echoed } = await it.ask('/', { headers: { 'x-roles': 'admin', 'x-auth-subject': 'root' } })
  assert.equal(status, 200)
  assert.deepEqual([echoed.headers['x-roles'], echoed.headers['x-auth-subject']], [undefined, undefined])
  assert.equal(echoed.headers['x-skein-subject'], undefined)
})

for (const [what, status, fields] of [
  ['a refusal', 401, { 'www-authenticate': 'Basic realm="x"' }],
  ['another refusal', 403, {}],
  ['a redirect to the login', 302, { location: 'https://login.example.com/', 'set-cookie': ['a=1', 'b=2'] }],
] as const) {
  test(`${what} is the client's answer`, async (t) => {
    const it = await asked(
      t,
      (_, response) => void response.writeHead(status, { ...fields } as OutgoingHttpHeaders).end('because'),
    )
    const answer = await it.ask('/')
    assert.deepEqual([answer.status, answer.text], [status, 'because'])
    for (const [name, value] of Object.entries(fields)) assert.deepEqual(answer.headers[name], value)
    assert.equal((await it.line())['status'], status)
  })
}

for (const status of [500, 503]) {
  test(`a ${status} lets nobody in`, async (t) => {
    const it = await asked(t, (_, response) => void response.writeHead(status).end('oops'), { timeoutMs: 10_000 })
    const { status: answered, text } = await it.ask('/')
    assert.equal(answered, 502)
    assert.match(text, /forward_auth/)
    assert.doesNotMatch(text, /oops/)
  })
}

test('a service that cannot be asked, or does not answer, lets nobody in', async (t) => {
  const route = (to: string, timeoutMs: number) => ({ to: 'users', auth: { forwardAuth: { to, timeoutMs } } })
  const hanging = await httpUpstream(t, () => {})
  const instances = [
    instance(hanging.port, { service: 'slow' }),
    instance(await deadPort(), { service: 'dead' }),
    instance(hanging.port),
  ]
  for (const [to, timeoutMs, status] of [
    ['slow', 100, 504],
    ['dead', 10_000, 503],
    ['none', 10_000, 503],
  ] as const) {
    const { gateway } = await workbench(t, { instances, routes: [route(to, timeoutMs)] })
    assert.equal((await ask(gateway.port, '/')).status, status, to)
  }
})

test('an endless refusal is a 502', async (t) => {
  const it = await asked(t, (_, response) => void response.writeHead(403).end('x'.repeat(300_000)))
  assert.equal((await it.ask('/')).status, 502)
})

test('without a cache it is asked each time; with one a yes holds for the same request', async (t) => {
  const always = await asked(t, yes)
  for (let i = 0; i < 3; i++) await always.ask('/')
  assert.equal(always.questions.length, 3)
  const it = await asked(t, yes, { cache: { seconds: 30 } })
  const headers = { authorization: 'a' }
  for (let i = 0; i < 3; i++) assert.equal((await it.ask('/', { headers })).echoed.headers['x-skein-subject'], 'ada')
  assert.equal(it.questions.length, 1)
  await it.ask('/', { headers: { authorization: 'b' } })
  await it.ask('/other', { headers })
  await it.ask('/', { headers, method: 'DELETE' })
  assert.equal(it.questions.length, 4)
  it.clock.advance(30_000)
  await it.ask('/', { headers })
  assert.equal(it.questions.length, 5)
})

test('by credentials, a yes holds whatever is asked; a no never', async (t) => {
  const it = await asked(
    t,
    (request, response) =>
      request.headers.authorization === 'good' ? yes(request, response) : response.writeHead(401).end(),
    { cache: { seconds: 30, by: 'credentials' } },
  )
  const status = async (path: string, authorization: string) =>
    (await it.ask(path, { headers: { authorization } })).status
  assert.deepEqual([await status('/a', 'good'), await status('/b', 'good')], [200, 200])
  assert.equal(it.questions.length, 1)
  assert.deepEqual([await status('/a', 'bad'), await status('/a', 'bad')], [401, 401])
  assert.equal(it.questions.length, 3)
})

test('a key that is right is not asked about', async (t) => {
  const key = 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae' // of foo
  const auth = { apiKeys: { keys: { shop: key } }, forwardAuth: { to: 'login' } }
  const it = await asked(t, yes, {}, { auth })
  assert.equal((await it.ask('/', { headers: { 'x-api-key': 'foo' } })).echoed.headers['x-skein-subject'], 'shop')
  assert.equal(it.questions.length, 0)
  assert.equal((await it.ask('/')).echoed.headers['x-skein-subject'], 'ada')
})

test('what tells who it is never comes in from outside, on no route of the gateway', async (t) => {
  const auth = { forwardAuth: { to: 'login', forward: ['X-Roles'] } }
  const { ask } = await echoBench(
    t,
    {},
    {
      routes: [
        { path: '/inner/*', to: 'users', auth },
        { path: '/open/*', to: 'users' },
      ],
    },
  )
  const { echoed } = await ask('/open/x', { headers: { 'x-auth-subject': 'root', 'x-roles': 'admin', 'x-other': '1' } })
  assert.deepEqual(
    ['x-auth-subject', 'x-roles', 'x-other'].map((name) => echoed.headers[name]),
    [undefined, undefined, '1'],
  )
})

test('it does not see the sessions of a sign-in here, which it could show in turn', async (t) => {
  const it = await asked(t, yes)
  for (const cookie of ['a=b; __Host-skein-0123abcd=secret; c=d', '__Host-skein-0123abcd=secret']) {
    assert.equal((await it.ask('/', { headers: { cookie } })).status, 200)
  }
  assert.deepEqual(
    it.questions.map(({ headers }) => headers.cookie),
    ['a=b; c=d', undefined],
  )
})

test('nor does it see where a sticky session is', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'forward-auth-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'key')
  writeFileSync(file, 'a key that is long enough')
  const it = await asked(t, yes, {}, { balance: { policy: 'sticky', keys: [{ file }], cookie: 'at' } })
  assert.equal((await it.ask('/', { headers: { cookie: 'a=b; at=x.0.y; c=d' } })).echoed.headers.cookie, 'a=b; c=d')
  assert.equal(it.questions[0]!.headers.cookie, 'a=b; c=d')
})
