/** Custom steps, seen from outside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { VirtualClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import type { CustomStep, StepRequest } from './rule/steps.ts'
import { type BenchOptions, echoBench, httpUpstream } from './workbench.suite.ts'

const bench = (t: import('node:test').TestContext, steps: readonly CustomStep[], options?: BenchOptions) =>
  echoBench(t, { path: '/t/:tenant/*', steps }, options)

test('a step sees the request', async (t) => {
  const seen: StepRequest[] = []
  const { ask } = await bench(t, [(request) => void seen.push(request)])
  const headers = { host: 'Shop.example.com:81', 'X-Own': 'yes', 'x-request-id': 'r1' }
  assert.equal((await ask('/t/acme/x?a=1', { method: 'POST', headers })).status, 200)
  assert.deepEqual(
    [
      seen[0]!.method,
      seen[0]!.path,
      seen[0]!.query.get('a'),
      seen[0]!.host,
      seen[0]!.params['tenant'],
      seen[0]!.headers.get('x-OWN'),
    ],
    ['POST', '/t/acme/x', '1', 'shop.example.com', 'acme', 'yes'],
  )
  assert.deepEqual([seen[0]!.ip, seen[0]!.requestId, seen[0]!.subject], ['127.0.0.1', 'r1', undefined])
})

test('a step changes what the upstream and the client get', async (t) => {
  const { ask } = await bench(t, [
    async (request) => {
      request.setHeader('X-Tenant', request.params['tenant']!)
      request.removeHeader('X-Secret')
      request.setAnswerHeader('x-served-by', 'skein')
    },
  ])
  const { headers, echoed } = await ask('/t/acme/x', { headers: { 'x-tenant': 'forged', 'x-secret': '1' } })
  assert.deepEqual([echoed.headers['x-tenant'], echoed.headers['x-secret']], ['acme', undefined])
  assert.equal(headers['x-served-by'], 'skein')
})

test('the first step that answers ends it; the body may be bytes', async (t) => {
  const bytes = new Uint8Array([0, 255, 7])
  const { ask, line } = await bench(t, [
    () => undefined,
    async () =>
      new Response(bytes, { status: 418, headers: { 'x-a': 'b', 'content-length': '99', connection: 'close' } }),
    () => assert.fail('reached'),
  ])
  const { status, headers } = await ask('/t/a/x')
  assert.deepEqual([status, headers['x-a'], headers['content-length']], [418, 'b', '3'])
  assert.deepEqual([(await line())['status'], (await line())['bytes']], [418, 3])
})

test('an answer that is none is a 500', async (t) => {
  const { ask } = await bench(t, [() => Response.error()])
  assert.equal((await ask('/t/a/x')).status, 500)
})

test('cookies of an answer stay apart', async (t) => {
  const answer = new Response('', {
    headers: [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ],
  })
  const { ask } = await bench(t, [() => answer])
  assert.deepEqual((await ask('/t/a/x')).headers['set-cookie'], ['a=1', 'b=2'])
})

test('what a step throws is a 500 that tells nothing; a SkeinError is what it says', async (t) => {
  const { ask } = await bench(t, [
    ({ params }) => {
      if (params['tenant'] === 'no') throw new SkeinError('FORBIDDEN', 'not this tenant', { reason: 'tenant' })
      throw new Error('password is hunter2')
    },
  ])
  const broken = await ask('/t/a/x')
  assert.deepEqual([broken.status, broken.headers['x-skein-error']], [500, 'INTERNAL'])
  assert.doesNotMatch(broken.text, /hunter2/)
  const refused = await ask('/t/no/x')
  assert.equal(refused.status, 403)
  assert.match(refused.text, /not this tenant/)
})

for (const [name, value] of [
  ['x-a', 'a\r\nx-b: c'],
  ['x a', 'b'],
  ['x-forwarded-for', '1.2.3.4'],
  ['content-length', '5'],
  ['x-skein-subject', 'admin'],
] as const) {
  test(`a step cannot set ${JSON.stringify(name)} to ${JSON.stringify(value)}`, async (t) => {
    const { ask } = await bench(t, [(request) => request.setHeader(name, value)])
    assert.equal((await ask('/t/a/x')).status, 500)
  })
}

test('a step that never ends is given up', async (t) => {
  const clock = new VirtualClock()
  const entered = Promise.withResolvers<AbortSignal>()
  const { ask } = await bench(
    t,
    [
      ({ signal }) => {
        entered.resolve(signal)
        return new Promise<never>(() => {})
      },
    ],
    { clock },
  )
  const asking = ask('/t/a/x')
  const signal = await entered.promise
  clock.advance(10_000)
  const { status, text } = await asking
  assert.equal(status, 504)
  assert.match(text, /step_timeout/)
  assert.equal(signal.aborted, true)
})

test('steps know who is authenticated, and run for all routes as a default', async (t) => {
  const subjects: (string | undefined)[] = []
  const key = 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae' // of foo
  const { ask, adminUrl } = await echoBench(
    t,
    { auth: { apiKeys: { keys: { shop: key } } } },
    {
      config: {
        defaults: {
          steps: [
            function note({ subject }) {
              subjects.push(subject)
            },
          ],
        },
      },
    },
  )
  await ask('/', { headers: { 'x-api-key': 'foo' } })
  await ask('/', { headers: { 'x-api-key': 'bar' } })
  assert.deepEqual(subjects, ['key:shop'])
  assert.equal((await fetch(`${adminUrl}/routes`)).status, 200)
})

test('of two steps that set the same field the last counts, and a step takes away what an earlier one has set', async (t) => {
  const { ask } = await bench(t, [
    (request) => {
      for (const name of ['x-tenant', 'x-role']) request.setHeader(name, 'first')
      request.setAnswerHeader('x-served-by', 'first')
    },
    (request) => {
      request.setHeader('X-Tenant', 'second')
      request.removeHeader('X-Role')
      request.setAnswerHeader('x-served-by', 'second')
    },
  ])
  const { headers, echoed } = await ask('/t/acme/x')
  assert.deepEqual(
    [echoed.headers['x-tenant'], echoed.headers['x-role'], headers['x-served-by']],
    ['second', undefined, 'second'],
  )
})

test('a step whose answer never ends is given up, too, and its answer broken off', { timeout: 120_000 }, async (t) => {
  const clock = new VirtualClock(0)
  const begun = Promise.withResolvers<void>()
  const brokenOff = Promise.withResolvers<unknown>()
  const pull = () => {
    begun.resolve()
    return new Promise<void>(() => undefined)
  }
  const endless = () => new Response(new ReadableStream({ pull, cancel: brokenOff.resolve }))
  const { ask } = await bench(t, [endless], { clock })
  const asked = ask('/t/acme/x')
  await begun.promise
  clock.advance(10_000)
  assert.equal((await asked).status, 504)
  assert.match(String(await brokenOff.promise), /took longer than 10000 ms/)
})

test('an answer that a step has fetched is passed on as fetch gives it: decoded', async (t) => {
  const { port } = await httpUpstream(t, (_, response) =>
    response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(gzipSync('fetched')),
  )
  const { ask } = await bench(t, [() => fetch(`http://127.0.0.1:${port}/`)])
  const { text, headers } = await ask('/t/acme/x')
  assert.deepEqual([text, headers['content-encoding']], ['fetched', undefined])
})
