/** API keys and tokens, seen from outside: who is let in, what the upstream is told, and a table of tokens that are not right. */
import assert from 'node:assert/strict'
import { createHash, createHmac, KeyObject, randomBytes, sign as rawSign } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose'
import { VirtualClock } from '../core/clock.ts'
import { headerText } from './auth/claims.ts'
import { Verdicts } from './auth/verdicts.ts'
import type { RouteConfig, RouteRules } from './contract.ts'
import type { JwtConfig } from './rule/auth.ts'
import { type BenchOptions, echoBench, httpUpstream } from './workbench.suite.ts'

const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

const ISSUER = 'https://login.example.com'
const rsa = await generateKeyPair('RS256', { extractable: true })
const ec = await generateKeyPair('ES256', { extractable: true })
const ed = await generateKeyPair('EdDSA', { extractable: true })
const stranger = await generateKeyPair('RS256', { extractable: true })
const publicKey = async (kid: string, key: CryptoKey, alg: string): Promise<JWK> => ({
  ...(await exportJWK(key)),
  kid,
  alg,
})
const KEYS = {
  keys: [
    await publicKey('rsa', rsa.publicKey, 'RS256'),
    await publicKey('ec', ec.publicKey, 'ES256'),
    await publicKey('ed', ed.publicKey, 'EdDSA'),
  ],
}
const JWT: JwtConfig = { issuer: ISSUER, audience: 'shop', jwks: KEYS }

/** Tokens are made when the file is read, and time stands still from then on: a slow machine makes none of them too old. */
const LOADED_AT = Date.now()
const now = () => Math.floor(LOADED_AT / 1000)
const CLAIMS = { iss: ISSUER, aud: 'shop', sub: 'ada', exp: now() + 600 }

/** Signed for what it says, with changes; undefined takes a claim or field away. */
async function signed(
  claims: Record<string, unknown> = {},
  head: Record<string, unknown> = {},
  key: CryptoKey | KeyObject | Uint8Array = rsa.privateKey,
): Promise<string> {
  const fields = { alg: 'RS256', kid: 'rsa', ...head } as unknown as JWTHeaderParameters
  const payload = Object.fromEntries(
    Object.entries({ ...CLAIMS, ...claims }).filter(([, value]) => value !== undefined),
  )
  return new SignJWT(payload).setProtectedHeader(fields).sign(key)
}

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const HEAD = { alg: 'RS256', kid: 'rsa' }

/** Three parts as given, signed by hand: what no library would make. */
function forged(head: unknown, payload: unknown = CLAIMS, signature?: (input: string) => string | Buffer): string {
  const input = `${part(head)}.${part(payload)}`
  const made = signature?.(input) ?? rawSign('sha256', Buffer.from(input), rsaPem)
  return `${input}.${typeof made === 'string' ? made : made.toString('base64url')}`
}
const rsaPem = KeyObject.from(rsa.privateKey)
const hmac = (alg: string, secret: string | Buffer) =>
  forged({ alg, kid: 'rsa' }, CLAIMS, (input) =>
    createHmac(`sha${alg.slice(2)}`, secret)
      .update(input)
      .digest(),
  )
const good = await signed()
const [goodHead, goodClaims, goodSignature] = good.split('.') as [string, string, string]
const publicPem = await exportSPKI(rsa.publicKey)
const flip = (text: string, at: number) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)

/** Name → token, or the whole Authorization. */
const BAD: Readonly<Record<string, string | { readonly authorization: string }>> = {
  'no token behind Bearer': { authorization: 'Bearer' },
  'blanks for a token': { authorization: 'Bearer    ' },
  'another scheme': { authorization: 'Basic YWRhOnNlY3JldA==' },
  'no scheme': { authorization: good },
  'two tokens': { authorization: `Bearer ${good}, Bearer ${good}` },
  'two tokens with a blank': { authorization: `Bearer ${good} ${good}` },
  'a blank inside': { authorization: `Bearer ${goodHead}. ${goodClaims}.${goodSignature}` },
  'no dots': 'nonsense',
  'one part and dots': `${goodHead}..`,
  'two parts': `${goodHead}.${goodClaims}`,
  'an empty signature': `${goodHead}.${goodClaims}.`,
  'an empty payload': `${goodHead}..${goodSignature}`,
  'four parts': `${good}.x`,
  'five parts, as if encrypted': `${part({ alg: 'dir', enc: 'A256GCM' })}..x.y.z`,
  'a dot at the end': `${good}.`,
  'a dot at the beginning': `.${good}`,
  'more than 8 KiB': await signed({ pad: 'x'.repeat(8000) }),
  padding: `${goodHead}=.${goodClaims}.${goodSignature}`,
  'the other base64': `${goodHead}.${goodClaims}.${goodSignature.slice(1)}+`,
  'an escape': `${good}%00`,
  'a head that is no base64': `!.${goodClaims}.${goodSignature}`,
  'a head that is no JSON': forged('{'),
  'a head that is a list': forged([HEAD]),
  'a head that is a text': forged('"RS256"'),
  'a head that is null': forged('null'),
  'a payload that is no JSON': forged(HEAD, 'hello'),
  'a payload that is a list': forged(HEAD, [CLAIMS]),
  'a payload that is a text': forged(HEAD, '"ada"'),
  'a payload that is null': forged(HEAD, 'null'),
  'a payload that is not UTF-8': forged(HEAD, CLAIMS, () => 'AA').replace(/\.[^.]+\./, '._w.'),
  'a changed payload': `${goodHead}.${part({ ...CLAIMS, sub: 'eve' })}.${goodSignature}`,
  'a changed head': `${part({ ...HEAD, x: 1 })}.${goodClaims}.${goodSignature}`,
  'a changed signature': `${goodHead}.${goodClaims}.${flip(goodSignature, 10)}`,
  'a cut signature': `${goodHead}.${goodClaims}.${goodSignature.slice(0, -8)}`,
  'a lengthened signature': `${goodHead}.${goodClaims}.${goodSignature}AAAA`,
  'a signature of zeros': forged(HEAD, CLAIMS, () => Buffer.alloc(256)),
  "a stranger's key": await signed({}, {}, stranger.privateKey),
  none: forged({ alg: 'none' }, CLAIMS, () => ''),
  'none with a signature': forged({ alg: 'none', kid: 'rsa' }),
  None: forged({ alg: 'None' }),
  NONE: forged({ alg: 'NONE' }),
  nOnE: forged({ alg: 'nOnE' }),
  'no algorithm': forged({ kid: 'rsa' }),
  'an empty algorithm': forged({ alg: '', kid: 'rsa' }),
  'an algorithm that is a number': forged({ alg: 256, kid: 'rsa' }),
  'an algorithm in a list': forged({ alg: ['RS256'], kid: 'rsa' }),
  'an algorithm in lower case': forged({ alg: 'rs256', kid: 'rsa' }),
  'an algorithm with a blank': forged({ alg: 'RS256 ', kid: 'rsa' }),
  'an algorithm named like a method': forged({ alg: 'toString', kid: 'rsa' }),
  'HS256 with the public key in PEM': hmac('HS256', publicPem),
  'HS256 with the public key as JWK': hmac('HS256', JSON.stringify(KEYS.keys[0])),
  'HS256 with the modulus': hmac('HS256', Buffer.from(KEYS.keys[0]!.n!, 'base64url')),
  'HS256 with an empty secret': hmac('HS256', ''),
  HS384: hmac('HS384', publicPem),
  HS512: hmac('HS512', publicPem),
  'an algorithm that is right but not listed': forged({ alg: 'RS512', kid: 'rsa' }, CLAIMS, (input) =>
    rawSign('sha512', Buffer.from(input), rsaPem),
  ),
  'the algorithm of another key': await signed({}, { kid: 'ec' }),
  'the key of another algorithm': await signed({}, { alg: 'ES256', kid: 'rsa' }, ec.privateKey),
  'EdDSA said, RSA signed': forged({ alg: 'EdDSA', kid: 'ed' }),
  'ECDSA of zeros': forged({ alg: 'ES256', kid: 'ec' }, CLAIMS, () => Buffer.alloc(64)),
  'ECDSA in DER': forged({ alg: 'ES256', kid: 'ec' }, CLAIMS, (input) =>
    rawSign('sha256', Buffer.from(input), KeyObject.from(ec.privateKey)),
  ),
  'EdDSA of zeros': forged({ alg: 'EdDSA', kid: 'ed' }, CLAIMS, () => Buffer.alloc(64)),
  'an unknown kid': await signed({}, { kid: 'other' }),
  'a kid that is a path': await signed({}, { kid: '../../../../dev/null' }),
  'a kid that is SQL': await signed({}, { kid: "x' UNION SELECT 'key" }),
  'a kid that is an address': await signed({}, { kid: 'https://evil.example/key' }),
  'a kid that is a number': forged({ alg: 'RS256', kid: 1 }),
  'a kid that is an object': forged({ alg: 'RS256', kid: {} }),
  'a kid named like a method': await signed({}, { kid: '__proto__' }),
  'a key of its own (jwk)': await signed(
    {},
    { kid: 'own', jwk: await exportJWK(stranger.publicKey) },
    stranger.privateKey,
  ),
  'a key of its own under a known kid': await signed(
    {},
    { jwk: await exportJWK(stranger.publicKey) },
    stranger.privateKey,
  ),
  'keys of its own (jku)': await signed({}, { kid: 'own', jku: 'http://127.0.0.1:1/keys' }, stranger.privateKey),
  'a certificate of its own (x5c)': await signed({}, { kid: 'own', x5c: ['MIIB'] }, stranger.privateKey),
  'a certificate elsewhere (x5u)': await signed({}, { kid: 'own', x5u: 'http://127.0.0.1:1/c' }, stranger.privateKey),
  'an extension that nobody knows': forged({ ...HEAD, crit: ['x'], x: 1 }),
  'an empty crit': forged({ ...HEAD, crit: [] }),
  'a crit that is a text': forged({ ...HEAD, crit: 'exp' }),
  'a payload not encoded (b64)': forged({ ...HEAD, b64: false, crit: ['b64'] }),
  expired: await signed({ exp: now() - 60 }),
  'expired long ago': await signed({ exp: 1 }),
  'an expiry before all time': await signed({ exp: -1e15 }),
  'no expiry': await signed({ exp: undefined }),
  'an expiry that is a text': await signed({ exp: String(now() + 600) }),
  'an expiry that is null': await signed({ exp: null }),
  'an expiry that is a list': await signed({ exp: [now() + 600] }),
  'an expiry beyond numbers': forged(HEAD, `{"iss":"${ISSUER}","aud":"shop","sub":"ada","exp":"Infinity"}`),
  'not yet valid': await signed({ nbf: now() + 600 }),
  'a beginning that is a text': await signed({ nbf: 'soon' }),
  'no issuer': await signed({ iss: undefined }),
  'another issuer': await signed({ iss: 'https://evil.example' }),
  'an issuer with a slash more': await signed({ iss: `${ISSUER}/` }),
  'an issuer in capitals': await signed({ iss: ISSUER.toUpperCase() }),
  'an issuer in a list': await signed({ iss: [ISSUER] }),
  'no audience': await signed({ aud: undefined }),
  'another audience': await signed({ aud: 'bank' }),
  'other audiences': await signed({ aud: ['bank', 'shops'] }),
  'an audience in capitals': await signed({ aud: 'SHOP' }),
  'an audience that is an object': await signed({ aud: { shop: true } }),
  'no subject': await signed({ sub: undefined }),
  'an empty subject': await signed({ sub: '' }),
  'a subject that is a number': await signed({ sub: 7 }),
}

assert.ok(Object.keys(BAD).length >= 60, 'the table is as long as it is meant to be')

test(`${Object.keys(BAD).length} tokens that are not right are refused, and never reach the upstream`, async (t) => {
  let reached = 0
  const { ask, lines } = await authBench(t, { jwt: JWT }, { onRequest: () => reached++ })
  for (const [name, bad] of Object.entries(BAD)) {
    const { status, headers } = await ask('/', typeof bad === 'string' ? bearer(bad) : { headers: bad })
    assert.equal(status, 401, name)
    assert.match(String(headers['www-authenticate']), /^Bearer error="invalid_token"$/, name)
  }
  assert.equal(reached, 0)
  const reasons = new Set(lines.map(({ reason }) => String(reason)))
  assert.deepEqual(
    [...reasons].filter((reason) => !/^token_\w+$/.test(reason)),
    [],
  )
})

async function authBench(
  t: import('node:test').TestContext,
  auth: RouteRules['auth'],
  { onRequest, ...options }: BenchOptions & { readonly onRequest?: () => void } = {},
) {
  return echoBench(t, auth === undefined ? {} : { auth }, { onRequest, clock: new VirtualClock(LOADED_AT), ...options })
}

const RIGHT: Readonly<Record<string, string>> = {
  RS256: good,
  ES256: await signed({}, { alg: 'ES256', kid: 'ec' }, ec.privateKey),
  EdDSA: await signed({}, { alg: 'EdDSA', kid: 'ed' }, ed.privateKey),
  'without a kid, where one key fits': await signed({}, { kid: undefined }),
  'our audience among others': await signed({ aud: ['bank', 'shop'] }),
  'expired within the skew': await signed({ exp: now() - 2 }),
}
for (const [name, token] of Object.entries(RIGHT)) {
  test(`a token that is right is let in: ${name}`, async (t) => {
    const { ask, line } = await authBench(t, { jwt: JWT })
    const { status, echoed } = await ask('/', bearer(token))
    assert.equal(status, 200)
    assert.equal(echoed.headers['x-skein-subject'], 'ada')
    assert.equal(echoed.headers['x-skein-issuer'], ISSUER)
    assert.equal((await line())['subject'], `jwt:${ISSUER}|ada`)
  })
}

test('the scheme is Bearer in any case', async (t) => {
  const { ask } = await authBench(t, { jwt: JWT })
  const authorization = `bEARER ${good}`
  const passed = await ask('/', { headers: { authorization } })
  assert.deepEqual([passed.status, passed.echoed.headers.authorization], [200, authorization])
})

test('nothing shown: 401 with what is asked for, unless it is optional', async (t) => {
  const { ask } = await authBench(t, { jwt: JWT, apiKeys: { keys: {} } })
  const none = await ask('/')
  assert.deepEqual([none.status, none.headers['www-authenticate']], [401, 'ApiKey, Bearer'])
  const open = await authBench(t, { jwt: JWT, optional: true })
  const headers = { 'x-skein-subject': 'admin', 'x-skein-issuer': ISSUER }
  const { status, echoed } = await open.ask('/', { headers })
  assert.equal(status, 200)
  assert.deepEqual([echoed.headers['x-skein-subject'], echoed.headers['x-skein-issuer']], [undefined, undefined])
  assert.equal((await open.ask('/', bearer('nonsense'))).status, 401, 'what is shown must be right')
})

test('claims that a route wants: equal, in a list, or a word; else 403', async (t) => {
  const claims = { scope: 'orders:read', role: ['admin', 'clerk'] }
  const { ask } = await authBench(t, { jwt: { ...JWT, claims } })
  const status = async (own: Record<string, unknown>) => (await ask('/', bearer(await signed(own)))).status
  assert.equal(await status({ scope: 'a orders:read b', role: ['x', 'clerk'] }), 200)
  assert.equal(await status({ scope: 'orders:read', role: 'admin' }), 200)
  assert.equal(await status({ scope: 'orders:readwrite', role: 'admin' }), 403)
  assert.equal(await status({ scope: 'orders:read' }), 403)
  assert.equal(await status({ scope: { 'orders:read': true }, role: 'admin' }), 403)
  const refused = await ask('/', bearer(await signed()))
  assert.equal(refused.headers['www-authenticate'], 'Bearer error="insufficient_scope"')
})

test('claims go to the upstream in headers that nobody else can write', async (t) => {
  const { ask } = await authBench(t, { jwt: { ...JWT, forward: { email: 'X-User-Email', org: 'x-org' } } })
  const token = await signed({ email: 'ada@example.com', org: { id: 7 } })
  const own = { ...bearer(token).headers, 'x-user-email': 'admin@example.com' }
  const { echoed } = await ask('/', { headers: own })
  assert.equal(echoed.headers['x-user-email'], 'ada@example.com')
  assert.equal(echoed.headers['x-org'], '{"id":7}')
  const without = await ask('/', { headers: { ...bearer(good).headers, 'x-user-email': 'admin@example.com' } })
  assert.equal(without.echoed.headers['x-user-email'], undefined)
})

for (const [value, text] of [
  ['ada', 'ada'],
  ['auth0|ada b', 'auth0|ada b'],
  ['ä', '%C3%A4'],
  ['a\r\nx: y', 'a%0D%0Ax%3A%20y'],
  [' a', '%20a'],
  ['\ud800', '%EF%BF%BD'],
] as const) {
  test(`${JSON.stringify(value)} as a header is ${text}`, () => assert.equal(headerText(value), text))
}

test('type and age, where they are asked for', async (t) => {
  const { ask } = await authBench(t, { jwt: { ...JWT, type: 'at+jwt', maxAgeSeconds: 60 } })
  const status = async (own: Record<string, unknown>, head: Record<string, unknown>) =>
    (await ask('/', bearer(await signed(own, head)))).status
  assert.equal(await status({ iat: now() }, { typ: 'at+jwt' }), 200)
  assert.equal(await status({ iat: now() }, { typ: 'JWT' }), 401)
  assert.equal(await status({ iat: now() }, {}), 401)
  assert.equal(await status({ iat: now() - 120 }, { typ: 'at+jwt' }), 401)
  assert.equal(await status({}, { typ: 'at+jwt' }), 401)
})

test('several issuers, each with its keys', async (t) => {
  const other = {
    issuer: 'https://other.example',
    audience: 'api',
    jwks: { keys: [await publicKey('rsa', stranger.publicKey, 'RS256')] },
  }
  const { ask } = await authBench(t, { jwt: [JWT, other] })
  const theirs = { iss: other.issuer, aud: 'api' }
  assert.equal((await ask('/', bearer(good))).status, 200)
  assert.equal((await ask('/', bearer(await signed(theirs, {}, stranger.privateKey)))).status, 200)
  assert.equal(
    (await ask('/', bearer(await signed(theirs)))).status,
    401,
    'the keys of the one are not those of the other',
  )
  assert.equal((await ask('/', bearer(await signed({ aud: 'api' })))).status, 401, 'nor is the audience')
})

/** An issuer whose keys are read from an address. `virtual` is the time of the gateway. */
async function issuer(t: import('node:test').TestContext) {
  const state = { body: JSON.stringify(KEYS), status: 200, reads: 0 }
  const { port } = await httpUpstream(t, (_, response) => {
    state.reads++
    if (state.status === 0) response.destroy()
    else response.writeHead(state.status).end(state.body)
  })
  const clock = new VirtualClock(LOADED_AT)
  const bench = await authBench(t, { jwt: { ...JWT, jwks: `http://127.0.0.1:${port}/keys` } }, { clock })
  const status = async (token: string) => (await bench.ask('/', bearer(token))).status
  return { ...bench, state, clock, status }
}

test('keys are fetched once, and again in the background when they are old', async (t) => {
  const { state, clock, status } = await issuer(t)
  assert.deepEqual(await Promise.all([status(good), status(good), status(good)]), [200, 200, 200])
  assert.equal(state.reads, 1)
  clock.advance(601_000)
  const fresh = await signed({ exp: now() + 3600 })
  assert.equal(await status(fresh), 200)
  while (state.reads < 2) await new Promise((resolve) => setImmediate(resolve))
})

test('a new key is taken up when a token names it; made-up names cause no flood', async (t) => {
  const { state, clock, status } = await issuer(t)
  assert.equal(await status(good), 200)
  const next = await generateKeyPair('RS256', { extractable: true })
  state.body = JSON.stringify({ keys: [...KEYS.keys, await publicKey('next', next.publicKey, 'RS256')] })
  const token = await signed({}, { kid: 'next' }, next.privateKey)
  assert.equal(await status(token), 401, 'it was asked a moment ago')
  clock.advance(10_000)
  assert.equal(await status(token), 200)
  assert.equal(state.reads, 2)
  for (let i = 0; i < 20; i++) assert.equal(await status(await signed({}, { kid: `made-up-${i}` })), 401)
  assert.equal(state.reads, 2)
})

test('a token is judged once, and not let in beyond its time, its age or its keys', async (t) => {
  const clock = new VirtualClock(LOADED_AT)
  const at = Math.floor(clock.now() / 1000)
  const { ask } = await authBench(t, { jwt: { ...JWT, maxAgeSeconds: 40 } }, { clock })
  const short = await signed({ iat: at, exp: at + 20 })
  const old = await signed({ iat: at })
  const statuses = async () => [(await ask('/', bearer(short))).status, (await ask('/', bearer(old))).status]
  assert.deepEqual(await statuses(), [200, 200])
  clock.advance(20_000)
  assert.deepEqual(await statuses(), [200, 200], 'within the skew')
  clock.advance(6_000)
  assert.deepEqual(await statuses(), [401, 200])
  clock.advance(20_000)
  assert.deepEqual(await statuses(), [401, 401])
})

test('verdicts: one judgement for each token, at most a minute, none kept that old keys have given', async () => {
  const verdicts = new Verdicts<number>()
  let judged = 0
  const judge = async () => ({ verdict: ++judged, validUntil: Number.POSITIVE_INFINITY })
  assert.deepEqual([await verdicts.of('a', 0, judge), await verdicts.of('a', 59_999, judge)], [1, 1])
  assert.equal(await verdicts.of('b', 0, judge), 2)
  assert.equal(await verdicts.of('a', 60_000, judge), 3)
  const during = verdicts.of('c', 0, async () => {
    verdicts.forget()
    return judge()
  })
  assert.equal(await during, 4)
  assert.equal(await verdicts.of('c', 0, judge), 5)
  await assert.rejects(
    verdicts.of('d', 0, () => Promise.reject(new Error('wrong'))),
    /wrong/,
  )
  assert.equal(await verdicts.of('d', 0, judge), 6)
})

test('verdicts: memory is bounded', async () => {
  const verdicts = new Verdicts<number>()
  const judge = (verdict: number) => async () => ({ verdict, validUntil: Number.POSITIVE_INFINITY })
  for (let i = 0; i <= 10_000; i++) await verdicts.of(`token ${i}`, 0, judge(1))
  assert.equal(await verdicts.of('token 10000', 0, judge(2)), 1)
  assert.equal(await verdicts.of('token 0', 0, judge(2)), 2)
})

test('a key that is withdrawn counts no more', async (t) => {
  const { state, clock, status } = await issuer(t)
  const long = await signed({ exp: now() + 7200 })
  assert.equal(await status(long), 200)
  state.body = JSON.stringify({ keys: KEYS.keys.slice(1) })
  clock.advance(601_000)
  while ((await status(long)) !== 401) await new Promise((resolve) => setImmediate(resolve))
})

for (const [what, change] of [
  ['breaks off', { status: 0 }],
  ['fails', { status: 500 }],
  ['answers nonsense', { body: '<html>' }],
  ['answers too much', { body: 'x'.repeat(300_000) }],
  ['has no keys', { body: '{}' }],
] as const) {
  test(`an issuer that ${what}: known keys go on; without any it is 503`, async (t) => {
    const { state, clock, status } = await issuer(t)
    Object.assign(state, change)
    assert.equal(await status(good), 503)
    Object.assign(state, { status: 200, body: JSON.stringify(KEYS) })
    clock.advance(10_000)
    const long = await signed({ exp: now() + 7200 })
    assert.equal(await status(long), 200)
    Object.assign(state, change)
    clock.advance(601_000)
    for (let i = 0; i < 3; i++) assert.equal(await status(long), 200)
  })
}

test('a reload that leaves the rule as it is fetches no keys', async (t) => {
  const { gateway, adminUrl, state, status } = await issuer(t)
  assert.equal(await status(good), 200)
  const routes = (await (await fetch(`${adminUrl}/routes`)).json()) as RouteConfig[]
  gateway.reload({ port: 0, routes })
  assert.equal(await status(good), 200)
  assert.equal(state.reads, 1)
})

test('routes that say the same fetch keys once for all, also one that comes with a reload', async (t) => {
  const { gateway, url, adminUrl, state } = await issuer(t)
  const [route] = (await (await fetch(`${adminUrl}/routes`)).json()) as [RouteConfig]
  const routes = (...paths: string[]) => paths.map((path, i) => ({ ...route, path, name: `r${i}` }))
  const statusAt = async (path: string) =>
    (await fetch(url + path, { headers: { authorization: `Bearer ${good}` } })).status
  gateway.reload({ port: 0, routes: routes('/a', '/b') })
  assert.deepEqual([await statusAt('/a'), await statusAt('/b'), state.reads], [200, 200, 1])
  gateway.reload({ port: 0, routes: routes('/c', '/a', '/b') })
  assert.deepEqual([await statusAt('/c'), state.reads], [200, 1])
})

test('API keys: by digest, told to the upstream by name, and not passed on', async (t) => {
  const [shop, bank] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
  const { ask, line } = await authBench(t, {
    apiKeys: { keys: { shop: digest(shop), bank: [digest('old'), digest(bank)] } },
  })
  const { status, echoed } = await ask('/', { headers: { 'x-api-key': shop } })
  assert.equal(status, 200)
  assert.equal(echoed.headers['x-skein-subject'], 'shop')
  assert.equal(echoed.headers['x-api-key'], undefined)
  assert.equal((await line())['subject'], 'key:shop')
  for (const key of ['old', bank]) {
    assert.equal((await ask('/', { headers: { 'x-api-key': key } })).echoed.headers['x-skein-subject'], 'bank')
  }
  for (const key of ['x', digest(shop), shop.toUpperCase(), `${shop} `.repeat(20), 'x'.repeat(5000)]) {
    const refused = await ask('/', { headers: { 'x-api-key': key } })
    assert.deepEqual([refused.status, refused.headers['www-authenticate']], [401, 'ApiKey'], key.slice(0, 70))
    assert.doesNotMatch(refused.text, new RegExp(key.slice(0, 20).trim() || 'x-x'))
  }
})

test('API keys in a query, a cookie, or behind Bearer', async (t) => {
  const keys = { shop: digest('k1') }
  const query = await authBench(t, { apiKeys: { in: 'query:key', keys } })
  const asked = await query.ask('/x?a=%2f&%6bey=k1&b')
  assert.deepEqual([asked.status, asked.echoed.url], [200, '/x?a=%2f&b'], 'it has done its work')
  assert.equal((await query.ask('/?key=k1')).echoed.url, '/')
  assert.equal((await query.ask('/?key=k2')).status, 401)
  const cookie = await authBench(t, { apiKeys: { in: 'cookie:key', keys } })
  assert.equal((await cookie.ask('/', { headers: { cookie: 'key=k1' } })).echoed.headers.cookie, undefined)
  assert.equal((await cookie.ask('/', { headers: { cookie: 'a=1; key=k1; b=2' } })).echoed.headers.cookie, 'a=1; b=2')
  const behind = await authBench(t, { apiKeys: { in: 'header:authorization', keys } })
  const answer = await behind.ask('/', bearer('k1'))
  assert.deepEqual([answer.status, answer.echoed.headers.authorization], [200, undefined])
})

test('a limit by identity: each key its own, and refusals count for nobody', async (t) => {
  const auth = { apiKeys: { keys: { shop: digest('k1'), bank: digest('k2') } } }
  const rateLimit = { requests: 1, seconds: 60, by: 'identity' as const }
  const { ask } = await echoBench(t, { auth, rateLimit })
  const status = async (key: string) => (await ask('/', { headers: { 'x-api-key': key } })).status
  assert.deepEqual(
    [await status('no'), await status('k1'), await status('k1'), await status('k2')],
    [401, 200, 429, 200],
  )
})

test('what a limit by identity refuses takes nothing of what all clients share', async (t) => {
  const auth = { apiKeys: { keys: { shop: digest('k1'), bank: digest('k2') } } }
  const rateLimit = [
    { name: 'all', requests: 3, seconds: 60, by: 'route' as const },
    { name: 'own', requests: 1, seconds: 60, by: 'identity' as const },
    { name: 'place', requests: 100, seconds: 60 },
  ]
  const { ask } = await echoBench(t, { auth, rateLimit })
  const asked = async (key: string) => await ask('/', { headers: { 'x-api-key': key } })
  const seen = []
  for (const key of ['k1', 'k1', 'k1', 'k1', 'k2']) seen.push((await asked(key)).status)
  assert.deepEqual(seen, [200, 429, 429, 429, 200])
  const { headers } = await asked('k2')
  assert.match(String(headers['ratelimit']), /^"place";r=94;t=\d+, "all";r=1;t=\d+, "own";r=0;t=\d+$/)
})

test('a preflight needs no key', async (t) => {
  const cors = { origins: ['https://shop.example.com'] }
  const { ask } = await echoBench(t, { cors, auth: { apiKeys: { keys: {} } } })
  const headers = { origin: 'https://shop.example.com', 'access-control-request-method': 'PUT' }
  assert.equal((await ask('/', { method: 'OPTIONS', headers })).status, 204)
  const refused = await ask('/', { method: 'PUT', headers: { origin: headers.origin } })
  assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [401, headers.origin])
})

test('a client that sends nonsense and goes while its token’s keys are fetched leaves nothing behind', async (t) => {
  const held = Promise.withResolvers<() => void>()
  const { port } = await httpUpstream(t, (_, response) => held.resolve(() => response.end(JSON.stringify(KEYS))))
  const it = await authBench(t, { jwt: { ...JWT, jwks: `http://127.0.0.1:${port}/keys` } })
  const client = connect(it.gateway.port, '127.0.0.1').resume()
  const fields = ['host: shop', `authorization: Bearer ${await signed()}`, 'transfer-encoding: chunked']
  client.write(`POST / HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`)
  const answer = await held.promise
  client.end('no chunk\r\n')
  await once(client, 'close')
  answer()
  const { status, code } = await it.line()
  assert.deepEqual([status, code], [400, 'BAD_REQUEST'])
  assert.match(it.metrics.toText(), /^skein_gateway_in_flight_requests 0$/m)
})
