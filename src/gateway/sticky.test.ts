import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import type { BalanceConfig, StickyBalance } from '../balance/balance-config.ts'
import { systemClock, VirtualClock } from '../core/clock.ts'
import type { ConfigError } from '../core/issues.ts'
import type { Instance } from '../discovery/contract.ts'
import type { RouteConfig } from './contract.ts'
import { type BenchOptions, httpUpstream, instance, type Workbench, workbench } from './workbench.suite.ts'

const KEY = 'the key of today, which is long enough'

/** Files, because an environment is everybody's. */
async function keyFiles(t: TestContext, ...texts: string[]): Promise<{ file: string }[]> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sticky-'))
  t.after(() => rm(dir, { recursive: true }))
  return texts.map((text, i) => {
    const file = path.join(dir, String(i))
    writeFileSync(file, text)
    return { file }
  })
}

interface Fleet extends Workbench {
  readonly instances: readonly Instance[]
  readonly servers: readonly Server[]
  /** Cookie fields as the instances saw them. */
  readonly seen: (string | undefined)[]
}

async function fleet(t: TestContext, count: number, routes: RouteConfig[], options: BenchOptions = {}): Promise<Fleet> {
  const seen: (string | undefined)[] = []
  const instances: Instance[] = []
  const servers: Server[] = []
  for (let i = 0; i < count; i++) {
    const { port, server } = await httpUpstream(t, (request, response) => {
      seen.push(request.headers.cookie)
      response.end(`users-${i}`)
    })
    servers.push(server)
    instances.push(instance(port, { id: `users-${i}` }))
  }
  const bench = await workbench(t, { routes, instances, ...options })
  return { ...bench, instances, servers, seen }
}

interface Visit {
  readonly at: string
  readonly setCookie: string | null
  readonly cacheControl: string | null
  /** `name=value` of the cookie that was set. */
  readonly cookie: string
}

async function visit(url: string, cookie?: string): Promise<Visit> {
  const answer = await fetch(url, { headers: cookie === undefined ? {} : { cookie } })
  const setCookie = answer.headers.get('set-cookie')
  const cacheControl = answer.headers.get('cache-control')
  return { at: await answer.text(), setCookie, cacheControl, cookie: setCookie?.split(';', 1)[0] ?? '' }
}

const sticky = (keys: StickyBalance['keys'], more: Partial<StickyBalance> = {}): BalanceConfig => ({
  policy: 'sticky',
  inner: 'round-robin',
  keys,
  ...more,
})

test('a session stays at its instance; the cookie names none, and no instance sees it', async (t) => {
  const { url, seen, line } = await fleet(t, 3, [{ to: 'users', balance: sticky(await keyFiles(t, KEY)) }])
  const first = await visit(url)
  assert.match(first.setCookie!, /^_skein_[0-9a-f]{8}=[\w-]{16}\.0\.[\w-]{32}; Path=\/; SameSite=Lax; HttpOnly$/)
  assert.equal(first.cacheControl, 'no-cache="set-cookie"')
  for (let i = 0; i < 6; i++) {
    const again = await visit(url, `a=1; ${first.cookie}; b=2`)
    assert.deepEqual([again.at, again.setCookie, again.cacheControl], [first.at, null, null])
  }
  assert.deepEqual(seen.slice(1), Array(6).fill('a=1; b=2'))
  assert.equal((await line(7))['instance'], first.at)
  await visit(url, first.cookie)
  assert.equal(seen.at(-1), undefined)
  const others = await Promise.all(Array.from({ length: 6 }, () => visit(url)))
  assert.equal(new Set(others.map(({ at }) => at)).size, 3)
})

test('what else hides cookies goes on hiding them beside the session’s', async (t) => {
  const [file, hidden] = await keyFiles(t, KEY, 'ab'.repeat(32))
  const oidc = { issuer: 'http://127.0.0.1:1', clientId: 'shop', keys: hidden! }
  const balance = sticky([file!])
  const { url, seen } = await fleet(t, 2, [
    { to: 'users', path: '/private', auth: { oidc } },
    { to: 'users', path: '/bare', balance, requestHeaders: { remove: ['cookie'] } },
    { to: 'users', path: '/', balance },
  ])
  const { cookie } = await visit(url)
  await visit(url, `a=1; __Host-skein-0123abcd=secret; ${cookie}; b=2`)
  await visit(url, `__Host-skein-0123abcd=secret; ${cookie}`)
  await visit(`${url}/bare`, `a=1; ${cookie}`)
  assert.deepEqual(seen.slice(1), ['a=1; b=2', undefined, undefined])
})

test('no route shows the session to its instances, nor does one that is told to take cookies away or to set them', async (t) => {
  const [file, hidden] = await keyFiles(t, KEY, 'ab'.repeat(32))
  const oidc = { issuer: 'http://127.0.0.1:1', clientId: 'shop', keys: hidden! }
  const balance = sticky([file!])
  const { url, seen } = await fleet(t, 1, [
    { to: 'users', path: '/private', auth: { oidc } },
    { to: 'users', path: '/', balance },
    { to: 'users', path: '/plain' },
    { to: 'users', path: '/bare', requestHeaders: { remove: ['cookie'] } },
    { to: 'users', path: '/own', requestHeaders: { set: { cookie: 'c=3' } } },
    { path: '/split', split: { to: { users: 1, orders: 0 } }, balance },
  ])
  const { cookie } = await visit(url)
  const all = `a=1; __Host-skein-0123abcd=secret; ${cookie}; b=2`
  for (const path of ['/plain', '/bare', '/own', '/split']) await visit(`${url}${path}`, all)
  assert.deepEqual(seen.slice(1), ['a=1; b=2', undefined, 'c=3', 'a=1; b=2'])
})

test('a cookie that the user named is left alone on other routes', async (t) => {
  const balance = sticky(await keyFiles(t, KEY), { cookie: 'at' })
  const { url, seen } = await fleet(t, 1, [
    { to: 'users', path: '/', balance },
    { to: 'users', path: '/other' },
  ])
  const { cookie } = await visit(url)
  await visit(url, `${cookie}; b=2`)
  await visit(`${url}/other`, 'at=mine')
  assert.deepEqual(seen.slice(1), ['b=2', 'at=mine'])
})

test('a cache that confirms what it gave shows no session', async (t) => {
  const seen: (string | undefined)[] = []
  const arrived = new EventTarget()
  const { port } = await httpUpstream(t, (request, response) => {
    seen.push(request.headers.cookie)
    const fields = { 'cache-control': 'public, max-age=10, stale-while-revalidate=30', etag: '"1"' }
    response.writeHead(request.headers['if-none-match'] === undefined ? 200 : 304, fields).end()
    arrived.dispatchEvent(new Event('request'))
  })
  const clock = new VirtualClock(Date.now())
  const routes = [{ to: 'users', cache: true, balance: sticky(await keyFiles(t, KEY)) }]
  const { url } = await workbench(t, { routes, instances: [instance(port)], clock })
  const { cookie } = await visit(url)
  clock.advance(15_000)
  const confirmed = once(arrived, 'request')
  await visit(url, `a=1; ${cookie}`)
  await confirmed
  assert.deepEqual(seen, [undefined, 'a=1'])
})

test('when the instance has gone the session moves, and the cookie says where', async (t) => {
  const { url, instances, source } = await fleet(t, 3, [{ to: 'users', balance: sticky(await keyFiles(t, KEY)) }])
  const first = await visit(url)
  source.set(instances.filter(({ id }) => id !== first.at))
  const moved = await visit(url, first.cookie)
  assert.notEqual(moved.at, first.at)
  assert.ok(moved.setCookie)
  source.set(instances)
  assert.equal((await visit(url, moved.cookie)).at, moved.at)
})

test('an instance of weight 0 keeps its sessions and gets no new ones, until the registry calls it critical', async (t) => {
  const { url, instances, source } = await fleet(t, 2, [{ to: 'users', balance: sticky(await keyFiles(t, KEY)) }])
  const first = await visit(url)
  const withFirst = (change: Partial<Instance>) =>
    source.set(instances.map((one) => (one.id === first.at ? { ...one, ...change } : one)))
  withFirst({ weight: 0 })
  for (let i = 0; i < 4; i++) {
    assert.equal((await visit(url, first.cookie)).at, first.at)
    assert.notEqual((await visit(url)).at, first.at)
  }
  withFirst({ weight: 0, status: 'critical' })
  assert.notEqual((await visit(url, first.cookie)).at, first.at)
})

test('a cookie that was changed, or is of another service or key, counts as none', async (t) => {
  const routes = [
    { to: 'users', balance: sticky(await keyFiles(t, KEY), { cookie: 'at' }), path: '/users' },
    {
      to: 'users',
      balance: sticky(await keyFiles(t, 'a foreign key, long enough'), { cookie: 'at' }),
      path: '/foreign',
    },
    { to: 'orders', balance: sticky(await keyFiles(t, KEY), { cookie: 'at' }), path: '/orders' },
  ]
  const { url, instances, source } = await fleet(t, 2, routes)
  source.set([...instances, ...instances.map((one) => ({ ...one, service: 'orders' }))])
  const mine = (await visit(`${url}/users`)).cookie
  const foreign = (await visit(`${url}/foreign`)).cookie
  const orders = (await visit(`${url}/orders`)).cookie
  const [, tag, time, signature] = /^at=([^.]+)\.([^.]+)\.(.+)$/.exec(mine)!
  const turned = (text: string) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1)
  const wrong = [
    foreign,
    orders,
    `at=${turned(tag!)}.${time}.${signature}`,
    `at=${tag}.zz.${signature}`,
    `at=${tag}.${time}.${turned(signature!)}`,
    `at=${tag}.${time}.`,
    'at=',
    `at=${'x'.repeat(4000)}`,
    `at=__proto__.0.${signature}`,
  ]
  for (const cookie of wrong) assert.ok((await visit(`${url}/users`, cookie)).setCookie, cookie)
  assert.equal((await visit(`${url}/users`, mine)).setCookie, null)
})

test('keys are rotated: what the one before has signed is read and signed anew', async (t) => {
  const [now, before] = await keyFiles(t, KEY, 'the key of yesterday, long enough too')
  const routes = [
    { to: 'users', balance: sticky([before!]), path: '/before' },
    { to: 'users', balance: sticky([now!, before!]), path: '/now' },
    { to: 'users', balance: sticky([now!]), path: '/later' },
  ]
  const { url } = await fleet(t, 3, routes)
  const old = await visit(`${url}/before`)
  const renewed = await visit(`${url}/now`, old.cookie)
  assert.equal(renewed.at, old.at)
  assert.ok(renewed.setCookie)
  const kept = await visit(`${url}/now`, renewed.cookie)
  assert.deepEqual([kept.at, kept.setCookie], [old.at, null])
  assert.deepEqual([(await visit(`${url}/later`, renewed.cookie)).setCookie], [null])
  assert.ok((await visit(`${url}/later`, old.cookie)).setCookie)
})

test('a session has an end after its last use; beyond half of it each use prolongs it', async (t) => {
  let now = 1_700_000_000_000
  const clock = { ...systemClock, now: () => now }
  const more = { ttlS: 100, secure: true, httpOnly: false, sameSite: 'None', cookie: 'at' } as const
  const { url } = await fleet(t, 2, [{ to: 'users', balance: sticky(await keyFiles(t, KEY), more) }], { clock })
  const first = await visit(url)
  assert.match(first.setCookie!, /^at=[^;]+; Path=\/; Max-Age=100; SameSite=None; Secure$/)
  now += 40_000
  assert.equal((await visit(url, first.cookie)).setCookie, null)
  now += 20_000
  const prolonged = await visit(url, first.cookie)
  assert.equal(prolonged.at, first.at)
  assert.ok(prolonged.setCookie)
  now += 60_000
  assert.ok((await visit(url, first.cookie)).setCookie)
  assert.equal((await visit(url, prolonged.cookie)).at, first.at)
})

test('an instance that is ejected is left, and the session stays where it went', async (t) => {
  const { url, instances, source } = await fleet(t, 2, [{ to: 'users', balance: sticky(await keyFiles(t, KEY)) }])
  const first = await visit(url)
  // Somebody else's port now: nobody listens.
  source.set(instances.map((one) => (one.id === first.at ? { ...one, port: 1 } : one)))
  const moved = await visit(url, first.cookie)
  assert.notEqual(moved.at, first.at)
  assert.ok(moved.setCookie)
})

test('a WebSocket goes where the session is', async (t) => {
  const balance = sticky(await keyFiles(t, KEY))
  const { url, gateway, servers } = await fleet(t, 3, [{ to: 'users', balance, websocket: true }])
  const opened: string[] = []
  for (const [i, server] of servers.entries()) {
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', () => opened.push(`users-${i}`))
    t.after(() => {
      for (const socket of sockets.clients) socket.terminate()
    })
  }
  const { at, cookie } = await visit(url)
  for (let i = 0; i < 4; i++) {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/x`, { headers: { cookie } })
    await once(socket, 'open')
    socket.terminate()
  }
  assert.deepEqual(opened, Array(4).fill(at))
})

test('an answer that the gateway kept says nothing of anybody’s session', async (t) => {
  const balance = sticky(await keyFiles(t, KEY))
  const { url, seen } = await fleet(t, 2, [{ to: 'users', balance, cache: { defaultSeconds: 60 } }])
  assert.ok((await visit(url)).setCookie)
  const again = await visit(url)
  assert.deepEqual([again.setCookie, again.cacheControl, seen.length], [null, null, 1])
})

test('what is wrong with a sticky policy is said, and where', async (t) => {
  const [short] = await keyFiles(t, 'short')
  const problem = async (balance: unknown) =>
    workbench(t, { routes: [{ to: 'users', balance: balance as BalanceConfig }] }).then(
      () => 'accepted',
      (error: ConfigError) => error.issues.map(({ key, message }) => `${key} ${message}`).join('; '),
    )
  const keys = [{ env: 'NOBODY_HAS_SET_THIS' }]
  for (const [balance, said] of [
    ['sticky', /routes\[0\]\.balance policy 'sticky' needs what signs its cookie/],
    [{ policy: 'sticky' }, /needs what signs its cookie/],
    [{ policy: 'sticky', keys: ['plain text in the config'] }, /keys: each says where it is found/],
    [{ policy: 'sticky', keys: [...keys, ...keys, ...keys] }, /keys: not a list of one key/],
    [{ policy: 'sticky', keys, inner: 'ip-hash' }, /inner: not 'ip-hash'/],
    [{ policy: 'sticky', keys, sameSite: 'None' }, /only with secure: true/],
    [{ policy: 'sticky', keys, cookie: 'a b' }, /no cookie's name/],
    [{ policy: 'sticky', keys, ttlS: 0 }, /ttlS: 0/],
    [{ policy: 'sticky', keys, ttl: 5 }, /no option 'ttl'/],
    [
      { policy: 'sticky', keys },
      /routes\[0\]\.balance\.keys\[0\] the environment variable NOBODY_HAS_SET_THIS is empty/,
    ],
    [{ policy: 'sticky', keys: [short] }, /routes\[0\]\.balance\.keys\[0\] is shorter than 16 bytes/],
  ] as const) {
    assert.match(await problem(balance), said)
  }
})
