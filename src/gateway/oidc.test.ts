/** Signing in with a browser at a real OpenID provider, seen from the browser. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { Browser, type OpenIdOptions, OpenIdProcess } from '../../test/support/openid.ts'
import { VirtualClock } from '../core/clock.ts'
import { freePort } from '../core/free-port.ts'
import type { RouteConfig } from './contract.ts'
import type { OidcConfig } from './rule/oidc.ts'
import { type BenchOptions, type Echoed, echoBench, httpUpstream, instance } from './workbench.suite.ts'

process.env['SKEIN_TEST_OIDC_SECRET'] = 's3cret/+ word'
process.env['SKEIN_TEST_OIDC_KEY'] = randomBytes(32).toString('hex')
const SECRETS = [process.env['SKEIN_TEST_OIDC_SECRET'], process.env['SKEIN_TEST_OIDC_KEY']]

interface Change {
  readonly oidc?: Partial<OidcConfig>
  readonly provider?: Partial<OpenIdOptions>
  readonly route?: Partial<RouteConfig>
  readonly bench?: BenchOptions
  readonly isPublic?: boolean
}

/** A provider, a gateway that trusts it, and an upstream that tells what it got. */
async function site(
  t: TestContext,
  { oidc = {}, provider = {}, route = {}, bench = {}, isPublic = false }: Change = {},
) {
  const [port, providerPort] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const secret = isPublic ? {} : { clientSecret: process.env['SKEIN_TEST_OIDC_SECRET']! }
  const openId = new OpenIdProcess({
    port: providerPort,
    clientId: 'shop',
    redirectUris: [`${url}/oauth2/callback`],
    afterLogout: [`${url}/`],
    accessTokenSeconds: 600,
    ...secret,
    ...provider,
  })
  await openId.start()
  t.after(() => openId.stop())
  const clock = new VirtualClock(Date.now())
  const rule: OidcConfig = {
    issuer: openId.issuer,
    clientId: 'shop',
    keys: { env: 'SKEIN_TEST_OIDC_KEY' },
    ...(isPublic ? {} : { clientSecret: { env: 'SKEIN_TEST_OIDC_SECRET' } }),
    ...oidc,
  }
  const config = { port, ...bench.config }
  const it = await echoBench(t, { auth: { oidc: rule }, ...route }, { clock, ...bench, config })
  return { ...it, url, openId, clock, rule, browser: new Browser() }
}

const told = (text: string) => (JSON.parse(text) as Echoed).headers
const sessionCookies = (browser: Browser, url: string) =>
  [...browser.cookies(url).keys()].filter((name) => name.startsWith('__Host-skein-'))

test('who looks at a page is sent to the provider, signs in, and comes back to that page', async (t) => {
  const { url, browser, openId, line, adminUrl } = await site(t, {
    oidc: { scopes: ['email', 'groups'], forward: { email: 'x-user-email', groups: 'x-user-groups' } },
  })
  const first = await browser.ask(`${url}/order/7?a=b%20c`)
  assert.equal(first.status, 303)
  const asked = new URL(first.headers.location!)
  assert.equal(asked.origin, openId.issuer)
  const { state, nonce, code_challenge: challenge, ...rest } = Object.fromEntries(asked.searchParams)
  assert.deepEqual(rest, {
    client_id: 'shop',
    response_type: 'code',
    scope: 'openid email groups',
    redirect_uri: `${url}/oauth2/callback`,
    code_challenge_method: 'S256',
  })
  for (const random of [state, nonce, challenge]) assert.match(random!, /^[\w-]{43}$/)
  assert.match(
    first.headers['set-cookie']![0]!,
    /^__Host-skein-[0-9a-f]{8}-[\w-]{8}=[\w-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=900$/,
  )
  assert.equal(first.headers['cache-control'], 'no-store')
  browser.jar.clear()
  const seen = await browser.signIn(`${url}/order/7?a=b%20c`, 'ada')
  assert.deepEqual([seen.status, seen.url], [200, `${url}/order/7?a=b%20c`])
  const headers = told(seen.text)
  assert.equal(headers['x-skein-subject'], 'ada')
  assert.equal(headers['x-skein-issuer'], openId.issuer)
  assert.equal(headers['x-user-email'], 'ada@example.com')
  assert.equal(headers['x-user-groups'], '["clerk"]')
  assert.equal(headers.cookie, undefined, 'upstreams do not see the session')
  assert.equal(sessionCookies(browser, url).length, 1, 'and what was remembered of the login is gone')
  assert.equal(
    (await line(browser.trail.filter((one) => one.startsWith(url)).length))['subject'],
    `oidc:${openId.issuer}|ada`,
  )
  const again = await browser.ask(`${url}/else`, { headers: { 'sec-fetch-mode': 'cors', accept: 'application/json' } })
  assert.equal(told(again.text)['x-skein-subject'], 'ada', 'scripts come in with the page’s session')
  const pages = await (await fetch(`${adminUrl}/routes`)).text()
  for (const secret of SECRETS) assert.ok(!pages.includes(secret))
})

test('scripts, forms, images and prefetches are told 401 and not sent away', async (t) => {
  const { url, browser, line } = await site(t)
  const asked: Record<string, string>[] = [
    { 'sec-fetch-mode': 'cors' },
    { 'sec-fetch-mode': 'no-cors', accept: 'image/*' },
    { 'sec-fetch-mode': 'websocket' },
    { 'sec-purpose': 'prefetch;prerender' },
  ]
  for (const headers of asked) {
    const { status, headers: answered } = await browser.ask(url, { headers })
    assert.deepEqual([status, answered.location, answered['set-cookie']], [401, undefined, undefined])
  }
  assert.equal((await browser.ask(url, { method: 'POST' })).status, 401)
  assert.equal((await browser.ask(url, { method: 'HEAD' })).status, 401)
  assert.equal((await line())['reason'], 'no_credentials')
  const old = new Browser()
  const plain = (headers: Record<string, string>) => old.ask(url, { headers: { 'sec-fetch-mode': '', ...headers } })
  assert.equal((await plain({})).status, 401)
})

test('browsers that do not say what they want are known by Accept', async (t) => {
  const { ask } = await site(t)
  const status = async (headers: Record<string, string>) => (await ask('/', { headers })).status
  assert.equal(await status({ accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }), 303)
  assert.equal(await status({ accept: '*/*' }), 401)
  assert.equal(await status({ accept: 'application/json' }), 401)
  assert.equal(await status({}), 401)
  assert.equal(await status({ accept: 'text/html', 'x-requested-with': 'XMLHttpRequest' }), 401)
})

test('a session ends when it is as old as the rule says', async (t) => {
  const { url, browser, clock } = await site(t, { oidc: { sessionSeconds: 3600 } })
  assert.equal((await browser.signIn(url, 'ada')).status, 200)
  clock.advance(3_599_000)
  assert.equal((await browser.ask(url)).status, 200)
  clock.advance(1_000)
  assert.equal((await browser.ask(url)).status, 303)
  assert.equal((await browser.ask(url, { headers: { 'sec-fetch-mode': 'cors' } })).status, 401)
})

test('a public client signs in with PKCE alone', async (t) => {
  const { url, browser } = await site(t, { isPublic: true })
  assert.equal((await browser.signIn(url, 'ada')).status, 200)
})

test('a right is asked for by claims: who lacks it is 403, and is not sent round in circles', async (t) => {
  const { url, browser, line } = await site(t, { oidc: { scopes: ['groups'], claims: { groups: 'admin' } } })
  const { status } = await browser.signIn(url, 'ada')
  assert.equal(status, 403)
  assert.equal((await line(browser.trail.filter((one) => one.startsWith(url)).length))['reason'], 'claim_groups')
  const root = new Browser()
  assert.equal((await root.signIn(url, 'root')).status, 200)
})

test('routes with one login share its sessions; a claim that a session was made without leads to the provider again', async (t) => {
  const it = await site(t, { oidc: { scopes: ['groups'] } })
  const { gateway, url, browser, rule } = it
  assert.equal((await browser.signIn(url, 'root')).status, 200)
  const port = gateway.port
  const admin = { ...rule, claims: { groups: 'admin' } }
  gateway.reload({
    port,
    routes: [
      { path: '/admin/*', to: 'users', auth: { oidc: admin } },
      { to: 'users', auth: { oidc: rule } },
    ],
  })
  assert.equal((await browser.ask(`${url}/`)).status, 200, 'a reload ends no session')
  assert.equal((await browser.ask(`${url}/admin/`)).status, 303)
  const seen = await browser.go(`${url}/admin/`)
  assert.deepEqual([seen.status, seen.url], [200, `${url}/admin/`], 'the provider remembers who it is')
})

test('several tabs sign in at once', async (t) => {
  const { url, browser } = await site(t)
  const starts = []
  for (const tab of ['a', 'b', 'c']) starts.push((await browser.ask(`${url}/${tab}`)).headers.location!)
  const first = await browser.signIn(starts[0]!, 'ada')
  assert.deepEqual([first.status, first.url], [200, `${url}/a`])
  for (const [i, tab] of ['b', 'c'].entries()) {
    const seen = await browser.go(starts[i + 1]!)
    assert.deepEqual([seen.status, seen.url], [200, `${url}/${tab}`])
  }
})

test('logins that are given up do not fill the head of requests', async (t) => {
  const { url, browser } = await site(t)
  for (let i = 0; i < 20; i++) assert.equal((await browser.ask(`${url}/${i}`)).status, 303)
  assert.equal(sessionCookies(browser, url).length, 4)
  assert.equal((await browser.signIn(`${url}/last`, 'ada')).url, `${url}/last`)
})

test('logout: here and at the provider; a foreign page cannot do it', async (t) => {
  const { url, browser, openId } = await site(t)
  await browser.signIn(url, 'ada')
  const foreign = await browser.ask(`${url}/oauth2/logout`, { headers: { 'sec-fetch-site': 'cross-site' } })
  assert.equal(foreign.status, 403)
  assert.equal(sessionCookies(browser, url).length, 1)
  const out = await browser.ask(`${url}/oauth2/logout`, {
    method: 'POST',
    headers: { 'sec-fetch-site': 'same-origin' },
  })
  const page = new URL(out.headers.location!)
  assert.equal(page.origin, openId.issuer)
  assert.equal(page.searchParams.get('post_logout_redirect_uri'), `${url}/`)
  assert.equal(page.searchParams.get('client_id'), 'shop')
  assert.match(page.searchParams.get('id_token_hint')!, /^[\w-]+\.[\w-]+\.[\w-]+$/)
  assert.equal(sessionCookies(browser, url).length, 0)
  const confirm = await browser.go(page.href)
  const form = Object.fromEntries(
    [...confirm.text.matchAll(/<input[^>]*name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name!, value!]),
  )
  const action = new URL(/action="([^"]+)"/.exec(confirm.text)![1]!, confirm.url).href
  const after = await browser.go(
    action,
    { method: 'POST', form: { ...form, logout: 'yes' } },
    (next) => next === `${url}/`,
  )
  assert.equal(after.headers.location, `${url}/`)
  const login = await browser.go(url)
  assert.match(login.text, /name="prompt" value="login"/, 'the provider has forgotten, too')
})

test('a refresh token renews the session at the provider, once for all who ask at the same time', async (t) => {
  const { url, browser, clock } = await site(t, {
    oidc: { scopes: ['offline_access', 'email'], parameters: { prompt: 'consent' }, forward: { email: 'x-email' } },
    provider: { accessTokenSeconds: 60 },
  })
  assert.equal((await browser.signIn(url, 'ada')).status, 200)
  const before = new Map(browser.cookies(url))
  clock.advance(91_000)
  const others = Array.from({ length: 8 }, () => {
    const other = new Browser()
    other.jar.set(new URL(url).host, new Map(before))
    return other
  })
  const seen = await Promise.all(others.map((other) => other.ask(url, { headers: { 'sec-fetch-mode': 'cors' } })))
  for (const { status, text, headers } of seen) {
    assert.equal(status, 200)
    assert.equal(told(text)['x-email'], 'ada@example.com')
    assert.equal(headers['set-cookie']?.length, 1)
  }
  // The provider takes a token that it sees twice for stolen, and ends all: so it has seen that one once.
  for (let i = 0; i < 6; i++) {
    clock.advance(61_000)
    assert.equal((await others[0]!.ask(url)).status, 200)
  }
  assert.equal((await browser.ask(url)).status, 303, 'five minutes were time enough to take the new cookie')
})

test('what scripts ask for may wait for a page to renew the session, half a minute at most', async (t) => {
  const oidc = { scopes: ['offline_access'], parameters: { prompt: 'consent' } }
  const { url, browser, clock } = await site(t, {
    oidc,
    provider: { accessTokenSeconds: 60 },
    bench: { random: () => 0.5 },
  })
  const renews = async (mode: string) =>
    (await browser.ask(url, { headers: { 'sec-fetch-mode': mode } })).headers['set-cookie'] !== undefined
  await browser.signIn(url, 'ada')
  clock.advance(61_000)
  assert.equal(await renews('cors'), false)
  assert.equal(await renews('navigate'), true)
  clock.advance(76_000)
  assert.equal(await renews('cors'), true)
})

test('a session that the provider has ended is over', async (t) => {
  const { url, browser, clock, openId } = await site(t, {
    oidc: { scopes: ['offline_access'], parameters: { prompt: 'consent' } },
    provider: { accessTokenSeconds: 60 },
  })
  await browser.signIn(url, 'ada')
  // It keeps nothing on disk, so a new one knows no refresh token.
  await openId.signal('SIGKILL')
  await openId.start()
  clock.advance(91_000)
  assert.equal((await browser.ask(url, { headers: { 'sec-fetch-mode': 'cors' } })).status, 401)
  assert.equal((await browser.ask(url)).status, 303)
})

for (const [how, signal] of [
  ['down', 'SIGKILL'],
  ['frozen', 'SIGSTOP'],
] as const) {
  test(`a provider that is ${how}: sessions go on, sign-ins fail soon and say so`, async (t) => {
    const { url, browser, clock, openId } = await site(t, {
      oidc: { scopes: ['offline_access'], parameters: { prompt: 'consent' } },
      provider: { accessTokenSeconds: 60 },
    })
    /** Time is virtual: it goes on until the gateway loses patience. */
    const inTime = async <T>(asking: Promise<T>): Promise<T> => {
      const isOver = asking.then(() => true)
      const pause = () => new Promise<false>((resolve) => setTimeout(resolve, 5, false))
      while (!(await Promise.race([isOver, pause()]))) clock.advance(100)
      return asking
    }
    await browser.signIn(url, 'ada')
    const late = new Browser()
    const back = await late.signIn(`${url}/page`, 'eve', (next) => next.startsWith(`${url}/oauth2/callback`))
    await openId.signal(signal)
    clock.advance(61_000)
    assert.equal((await inTime(browser.ask(url))).status, 200)
    assert.equal((await browser.ask(url)).status, 200, 'and nobody waits again')
    const failed = await inTime(late.ask(back.headers.location!))
    assert.equal(failed.status, 503)
    assert.match(failed.text, /cannot be asked now/)
    assert.equal(failed.headers['retry-after'], '5')
    if (signal === 'SIGKILL') return
    await openId.signal('SIGCONT')
    // It has read the code by now, and takes it once: what counts is that the browser's part of it was not thrown away.
    const again = await late.go(back.headers.location!)
    assert.match(`${again.status} ${again.text}`, /^200|^401[\s\S]*invalid_grant/)
  })
}

test('a provider that has never been there: 503 for who wants in, at once for those behind', async (t) => {
  const dead = await freePort()
  const { ask, line } = await echoBench(
    t,
    {
      auth: {
        oidc: { issuer: `http://127.0.0.1:${dead}`, clientId: 'shop', keys: { env: 'SKEIN_TEST_OIDC_KEY' } },
      },
    },
    { clock: new VirtualClock(Date.now()) },
  )
  for (const n of [1, 2]) {
    const { status, text, headers } = await ask('/', { headers: { accept: 'text/html' } })
    assert.deepEqual([status, headers['set-cookie']], [503, undefined])
    assert.match(text, /cannot be asked now/)
    assert.match(text, /href="\/oauth2\/login\?to=%2F"/)
    assert.equal((await line(n))['reason'], 'oidc_provider')
  }
  assert.equal((await ask('/', {})).status, 401)
})

test('keys go out of use one after the other; a file is as good as a variable', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-oidc-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [old, next] = ['old', 'new'].map((name) => path.join(folder, name)) as [string, string]
  writeFileSync(old, `${randomBytes(32).toString('base64')}\n`)
  writeFileSync(next, randomBytes(32).toString('base64url'))
  const { url, browser, gateway, rule } = await site(t, { oidc: { keys: { file: old } } })
  const use = (keys: OidcConfig['keys']) =>
    gateway.reload({ port: gateway.port, routes: [{ to: 'users', auth: { oidc: { ...rule, keys } } }] })
  await browser.signIn(url, 'ada')
  use([{ file: next }, { file: old }])
  assert.equal((await browser.ask(url)).status, 200)
  const late = new Browser()
  await late.signIn(url, 'bob')
  use({ file: next })
  assert.equal((await browser.ask(url)).status, 303)
  assert.equal((await late.ask(url)).status, 200)
  writeFileSync(next, randomBytes(32).toString('hex'))
  use({ file: next })
  assert.equal((await late.ask(url)).status, 303, 'a file is read again with each reload')
})

test('what is large goes into several cookies; what is too large is told', async (t) => {
  const { url, rule, gateway } = await site(t, { oidc: { scopes: ['profile'], forward: { picture: 'x-picture' } } })
  for (const [size, parts, hint] of [
    [100, 1, true],
    [2000, 2, true],
    [4000, 2, false],
    [7000, 3, false],
  ] as const) {
    const browser = new Browser()
    const seen = await browser.signIn(url, `large-${size}`)
    assert.equal(seen.status, 200)
    assert.equal(told(seen.text)['x-picture']!.length, size)
    assert.equal(sessionCookies(browser, url).length, parts, String(size))
    for (const [name, value] of browser.cookies(url)) assert.ok(name.length + value.length < 4000)
    const out = await browser.ask(`${url}/oauth2/logout`)
    assert.equal(out.headers.location!.includes('id_token_hint='), hint)
    assert.equal(sessionCookies(browser, url).length, 0, 'all parts go')
  }
  const huge = new Browser()
  const refused = await huge.signIn(url, 'large-9000')
  assert.equal(refused.status, 502)
  assert.match(refused.text, /does not fit into cookies: forward fewer claims/)
  gateway.reload({ port: gateway.port, routes: [{ to: 'users', auth: { oidc: { ...rule, forward: {} } } }] })
  assert.equal((await huge.go(url)).status, 200)
})

test('a session that becomes smaller leaves no part of the larger one behind', async (t) => {
  const { url, browser, rule, gateway } = await site(t, { oidc: { scopes: ['profile'], forward: { picture: 'x-p' } } })
  await browser.signIn(url, 'large-7000')
  assert.equal(sessionCookies(browser, url).length, 3)
  const routes = [{ to: 'users', auth: { oidc: { ...rule, sessionSeconds: 7200, forward: {} } } }]
  gateway.reload({ port: gateway.port, routes })
  await browser.go(`${url}/oauth2/login`)
  assert.equal(sessionCookies(browser, url).length < 3, true)
  assert.equal((await browser.ask(url)).status, 200)
})

test('optional: who is not signed in comes in without a name, and signs in where a link leads', async (t) => {
  const { url, browser, rule, gateway } = await site(t)
  gateway.reload({ port: gateway.port, routes: [{ to: 'users', auth: { oidc: rule, optional: true } }] })
  const seen = await browser.ask(url)
  assert.deepEqual([seen.status, told(seen.text)['x-skein-subject']], [200, undefined])
  const back = await browser.signIn(`${url}/oauth2/login?to=/cart?id=7`, 'ada')
  assert.deepEqual([back.status, back.url], [200, `${url}/cart?id=7`])
  assert.equal(told(back.text)['x-skein-subject'], 'ada')
})

test('beside API keys: programs show a key, people sign in', async (t) => {
  const digest = 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae'
  const { url, browser, rule, gateway } = await site(t)
  const auth = { apiKeys: { keys: { shop: digest } }, oidc: rule }
  gateway.reload({ port: gateway.port, routes: [{ to: 'users', auth }] })
  assert.equal((await browser.ask(url, { headers: { 'x-api-key': 'foo' } })).status, 200)
  assert.equal((await browser.ask(url, { headers: { 'x-api-key': 'bar' } })).status, 401)
  assert.equal((await browser.signIn(url, 'ada')).status, 200)
})

test('no route of the gateway passes a session on, nor what only a login may say', async (t) => {
  const { url, browser, rule, gateway } = await site(t)
  const oidc = { ...rule, forward: { email: 'X-Email' } }
  const routes = [
    { path: '/open/*', to: 'users' },
    { to: 'users', auth: { oidc } },
  ]
  gateway.reload({ port: gateway.port, routes })
  await browser.signIn(url, 'ada')
  browser.cookies(url).set('theme', 'dark')
  const headers = { 'x-skein-subject': 'root', 'x-skein-issuer': 'me', 'x-email': 'root@example.com' }
  const seen = told((await browser.ask(`${url}/open/`, { headers })).text)
  assert.equal(seen.cookie, 'theme=dark')
  assert.deepEqual(
    [seen['x-skein-subject'], seen['x-skein-issuer'], seen['x-email']],
    [undefined, undefined, undefined],
  )
})

test('limits hold for the callback and the login, too', async (t) => {
  const { url, browser } = await site(t, { route: { rateLimit: { requests: 2, seconds: 60 } } })
  const statuses = []
  for (let i = 0; i < 3; i++) statuses.push((await browser.ask(`${url}/oauth2/callback?code=x&state=y`)).status)
  assert.deepEqual(statuses, [401, 401, 429])
})

test('another gateway with the same keys knows the session, and a restart ends none', async (t) => {
  const { url, browser, rule } = await site(t)
  await browser.signIn(url, 'ada')
  const other = await echoBench(t, { auth: { oidc: rule } }, { clock: new VirtualClock(Date.now()) })
  browser.jar.set(new URL(other.url).host, browser.cookies(url))
  const seen = await browser.ask(other.url)
  assert.equal(told(seen.text)['x-skein-subject'], 'ada')
})

test('HTTP/2, where cookies come one by one: the session is known and none of it passed on', async (t) => {
  const { url, browser } = await site(t, { oidc: { scopes: ['profile'], forward: { picture: 'x-picture' } } })
  await browser.signIn(url, 'large-4000')
  const cookies = [...browser.cookies(url)].map(([name, value]) => `${name}=${value}`)
  assert.equal(cookies.length, 2)
  const client = connect(url)
  t.after(() => client.close())
  const stream = client.request({ ':path': '/', cookie: ['a=1', cookies[1]!, 'theme=dark', cookies[0]!] })
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  const headers = told(text)
  assert.deepEqual([headers['x-skein-subject'], headers.cookie], ['large-4000', 'a=1; theme=dark'])
})

test('a WebSocket comes in with the page’s session, and is not sent to a login without', async (t) => {
  const { url, browser, source } = await site(t, { route: { websocket: true } })
  const { port, server } = await httpUpstream(t, (_, response) => response.end('{}'))
  const sockets = new WebSocketServer({ server })
  t.after(() => sockets.close())
  await browser.signIn(url, 'ada')
  source.set([instance(port)])
  const cookie = [...browser.cookies(url)].map(([name, value]) => `${name}=${value}`).join('; ')
  const connected = once(sockets, 'connection') as Promise<[WebSocket, IncomingMessage]>
  const socket = new WebSocket(url.replace('http', 'ws'), { headers: { cookie } })
  const [there, request] = await connected
  assert.deepEqual([request.headers['x-skein-subject'], request.headers.cookie], ['ada', undefined])
  there.close()
  await once(socket, 'close')
  const [, refused] = (await once(new WebSocket(url.replace('http', 'ws')), 'unexpected-response')) as [
    unknown,
    IncomingMessage,
  ]
  assert.deepEqual([refused.statusCode, refused.headers.location], [401, undefined])
  refused.resume()
})
