/** Sign-ins that are not right: answers of a provider that lies, fails or hangs, callbacks and cookies that somebody made up. */
import assert from 'node:assert/strict'
import { createHash, createHmac, KeyObject, randomBytes, sign } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { exportJWK, exportSPKI, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose'
import { pino } from 'pino'
import { Browser, type Seen } from '../../test/support/openid.ts'
import { createCaller } from '../client/caller.ts'
import { VirtualClock } from '../core/clock.ts'
import { freePort } from '../core/free-port.ts'
import { ConfigError } from '../core/issues.ts'
import { below, seeded } from '../core/random.ts'
import { staticSource } from '../discovery/source/static.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { localPlace } from './auth/oidc/places.ts'
import { Seal } from './auth/oidc/seal.ts'
import type { GatewayConfig, RouteConfig } from './contract.ts'
import { startGateway } from './index.ts'
import type { OidcConfig } from './rule/oidc.ts'
import { httpUpstream, instance, rawRequest } from './workbench.suite.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const SECRET = 'a secret of the client'
process.env['SKEIN_TEST_HOSTILE_SECRET'] = SECRET
process.env['SKEIN_TEST_HOSTILE_KEY'] = randomBytes(32).toString('hex')
process.env['SKEIN_TEST_OTHER_KEY'] = randomBytes(32).toString('hex')

const rsa = await generateKeyPair('RS256', { extractable: true })
const es512 = await generateKeyPair('ES512', { extractable: true })
const stranger = await generateKeyPair('RS256', { extractable: true })
const KEYS = {
  keys: [
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256' },
    { ...(await exportJWK(es512.publicKey)), kid: 'es512', alg: 'ES512' },
  ],
}
const publicPem = await exportSPKI(rsa.publicKey)
const strangerJwk = await exportJWK(stranger.publicKey)
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signed by hand: heads that jose itself would not write. */
function byHand(head: unknown, claims: unknown): string {
  const input = `${part(head)}.${part(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), KeyObject.from(rsa.privateKey)).toString('base64url')}`
}

/** What an honest provider would say. */
interface Honest {
  readonly claims: Record<string, unknown>
  readonly accessToken: string
}

interface Behaviour {
  /** Of the callback. */
  readonly callback?: (honest: URLSearchParams, issuer: string) => URLSearchParams | string
  /** Between redirect and callback. */
  readonly meanwhile?: (place: { browser: Browser; url: string; clock: VirtualClock }) => unknown
  readonly asking?: Parameters<Browser['ask']>[1]
  /** Changes of the ID token's claims and head; undefined takes one away. */
  readonly claims?: Record<string, unknown> | ((honest: Honest) => Record<string, unknown>)
  readonly head?: Record<string, unknown>
  readonly key?: CryptoKey
  /** The whole ID token. */
  readonly idToken?: (honest: Honest) => string | undefined | Promise<string | undefined>
  /** Changes of the token endpoint's answer. */
  readonly tokens?: Record<string, unknown>
  /** In place of the token endpoint. */
  readonly endpoint?: (request: IncomingMessage, response: ServerResponse) => void
  readonly metadata?: Record<string, unknown>
  /** In place of the metadata. */
  readonly discovery?: (request: IncomingMessage, response: ServerResponse) => void
}

/** The parameters of the callback are changed. */
const callback = (...changes: readonly ((it: URLSearchParams, issuer: string) => void)[]): Behaviour => ({
  callback(it, issuer) {
    for (const change of changes) change(it, issuer)
    return it
  },
})

const JSON_TYPE = { 'content-type': 'application/json' }

/** The answer of an endpoint. */
const answers =
  (status: number, body = '', headers: OutgoingHttpHeaders = JSON_TYPE) =>
  (_: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(status, headers).end(body)

const PAGE = answers(200, '<html>', { 'content-type': 'text/html' })

/** A provider that does as it is told, a gateway that trusts it, and all that the gateway logs. */
async function site(t: TestContext, change: Partial<OidcConfig> = {}, more: Partial<GatewayConfig> = {}) {
  const clock = new VirtualClock(Date.now())
  const state: { does: Behaviour; nonce: string; redeemed: URLSearchParams[]; revoked: string; holds: boolean } = {
    ...{ does: {}, nonce: '', redeemed: [], revoked: '', holds: false },
  }
  const provider = await httpUpstream(t, async (request, response) => {
    await answer(request, response)
    if (!response.writableEnded && !response.destroyed) state.holds = true
  })
  const issuer = `http://127.0.0.1:${provider.port}`
  const json = (response: ServerResponse, body: unknown) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { does } = state
    if (request.url === '/.well-known/openid-configuration') {
      if (does.discovery !== undefined) return does.discovery(request, response)
      return json(response, { ...metadata(issuer), ...does.metadata })
    }
    if (request.url === '/jwks') return json(response, KEYS)
    if (request.url === '/revoke') {
      state.revoked += await textOf(request)
      return void response.writeHead(200).end()
    }
    if (request.url !== '/token') return void response.writeHead(404).end()
    state.redeemed.push(new URLSearchParams(await textOf(request)))
    if (does.endpoint !== undefined) return does.endpoint(request, response)
    const tokens = {
      access_token: 'an-access-token',
      token_type: 'Bearer',
      expires_in: 60,
      id_token: await idToken(),
      ...does.tokens,
    }
    json(response, Object.fromEntries(Object.entries(tokens).filter(([, value]) => value !== undefined)))
  }
  async function idToken(): Promise<string | undefined> {
    const { does, nonce } = state
    const now = Math.floor(clock.now() / 1000)
    const claims = { iss: issuer, aud: 'shop', sub: 'ada', nonce, iat: now, exp: now + 300 }
    const honest = { claims, accessToken: 'an-access-token' }
    if (does.idToken !== undefined) return does.idToken(honest)
    const changes = typeof does.claims === 'function' ? does.claims(honest) : does.claims
    const payload = Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined)
    const head = { alg: 'RS256', kid: 'rsa', ...does.head } as unknown as JWTHeaderParameters
    return new SignJWT(Object.fromEntries(payload)).setProtectedHeader(head).sign(does.key ?? rsa.privateKey)
  }
  const upstream = await httpUpstream(t, (request, response) => response.end(JSON.stringify(request.headers)))
  const logged: Record<string, unknown>[] = []
  const port = await freePort()
  const rule: OidcConfig = {
    issuer,
    clientId: 'shop',
    clientSecret: { env: 'SKEIN_TEST_HOSTILE_SECRET' },
    keys: { env: 'SKEIN_TEST_HOSTILE_KEY' },
    ...change,
  }
  const caller = createCaller({ source: staticSource([instance(upstream.port)]), metrics: new Metrics() })
  const gateway = await startGateway({
    config: { port, routes: [{ to: 'users', auth: { oidc: rule } }], ...more },
    caller,
    clock,
    metrics: new Metrics(),
    log: pino({ level: 'debug' }, { write: (line) => void logged.push(JSON.parse(line)) }),
  })
  t.after(async () => {
    await gateway.close()
    await caller.close()
  })
  const url = `http://127.0.0.1:${port}`
  /** From the page to the callback, as the provider is told to do. */
  const attempt = async (
    does: Behaviour,
    browser = new Browser(),
  ): Promise<Seen & { callback: string; browser: Browser }> => {
    state.does = does
    const begun = await browser.ask(`${url}/page?x=1`)
    assert.equal(begun.status, 303)
    const asked = new URL(begun.headers.location!).searchParams
    state.nonce = asked.get('nonce')!
    const honest = new URLSearchParams({ code: 'a-code', state: asked.get('state')! })
    const callback = `${asked.get('redirect_uri')}?${does.callback?.(honest, issuer) ?? honest}`
    await does.meanwhile?.({ browser, url, clock })
    const asking = inTime(browser.ask(callback, does.asking))
    return { ...(await asking), callback, browser }
  }
  /** While the provider holds an answer back, virtual time goes on; while a machine is slow it does not. */
  const inTime = async <T>(asking: Promise<T>): Promise<T> => {
    state.holds = false
    const isOver = asking.then(() => true)
    const pause = () => new Promise<false>((resolve) => setTimeout(resolve, 10, false))
    while (!(await Promise.race([isOver, pause()]))) if (state.holds) clock.advance(500)
    return asking
  }
  const reason = () => logged.findLast(({ kind }) => kind === 'access')?.['reason']
  return { url, port, clock, state, issuer, gateway, rule, logged, attempt, reason, inTime }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

const metadata = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  end_session_endpoint: `${issuer}/logout`,
  revocation_endpoint: `${issuer}/revoke`,
})

const sessionOf = (browser: Browser, url: string) =>
  [...browser.cookies(url)].filter(([name]) => /^__Host-skein-[0-9a-f]{8}$/.test(name))
const loginCookie = (browser: Browser, url: string) =>
  [...browser.cookies(url).keys()].find((name) => /-[\w-]{8}$/.test(name.slice(21)))!
const hmac = (honest: Honest, secret: string) => {
  const input = `${part({ alg: 'HS256', kid: 'rsa' })}.${part(honest.claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
const half = (text: string, algorithm = 'sha256') => {
  const digest = createHash(algorithm).update(text).digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}
const seconds = (ms: number) => Math.floor(ms / 1000)

/** Name → what is done, the status, and the reason in the log. */
const REFUSED: Readonly<Record<string, readonly [Behaviour, number, string]>> = {
  'no state': [callback((it) => it.delete('state')), 401, 'oidc_state'],
  'an empty state': [callback((it) => it.set('state', '')), 401, 'oidc_state'],
  'another state': [callback((it) => it.set('state', 'x'.repeat(43))), 401, 'oidc_state'],
  'a state that begins like the right one': [
    callback((it) => it.set('state', it.get('state')!.slice(0, 8) + 'x'.repeat(35))),
    401,
    'oidc_state',
  ],
  'the state twice': [callback((it) => it.append('state', it.get('state')!)), 401, 'oidc_state'],
  'two states': [callback((it) => it.append('state', 'other')), 401, 'oidc_state'],
  'a state with a line break': [{ callback: () => 'code=x&state=%0d%0aset-cookie:%20a=b' }, 401, 'oidc_state'],
  'nothing at all': [{ callback: () => '' }, 401, 'oidc_state'],
  'a sign-in that another browser began': [{ meanwhile: ({ browser }) => browser.jar.clear() }, 401, 'oidc_state'],
  'a changed cookie of the sign-in': [
    {
      meanwhile: ({ browser, url }) => {
        const name = loginCookie(browser, url)
        const value = browser.cookies(url).get(name)!
        browser.cookies(url).set(name, (value[0] === 'A' ? 'B' : 'A') + value.slice(1))
      },
    },
    401,
    'oidc_state',
  ],
  'a cookie of the sign-in that somebody else sealed': [
    {
      meanwhile: ({ browser, url }) => {
        const seal = new Seal([randomBytes(32)], 'skein login __Host-skein-')
        browser.cookies(url).set(loginCookie(browser, url), seal.close({ state: 'x' }))
      },
    },
    401,
    'oidc_state',
  ],
  'a callback after fifteen minutes': [{ meanwhile: ({ clock }) => clock.advance(900_000) }, 401, 'oidc_late'],
  'no code': [callback((it) => it.delete('code')), 401, 'oidc_answer'],
  'two codes': [callback((it) => it.append('code', 'b')), 401, 'oidc_answer'],
  'a refusal of the provider': [
    callback(
      (it) => it.delete('code'),
      (it) => it.set('error', 'access_denied'),
    ),
    403,
    'oidc_access_denied',
  ],
  'a refusal that would be a page': [
    callback(
      (it) => it.set('error', '<script>alert(1)</script>'),
      (it) => it.set('error_description', '<b>x'),
    ),
    403,
    'oidc_error',
  ],
  'an answer of another issuer (mix-up)': [
    callback((it) => it.set('iss', 'https://evil.example.com')),
    401,
    'oidc_answer',
  ],
  'no issuer where the provider always names it': [
    { metadata: { authorization_response_iss_parameter_supported: true } },
    401,
    'oidc_answer',
  ],
  'an answer in a token (JARM)': [callback((it) => it.set('response', 'a.b.c')), 401, 'oidc_answer'],
  'an ID token in the callback (implicit flow)': [callback((it) => it.set('id_token', 'a.b.c')), 401, 'oidc_answer'],
  'an access token in the callback': [callback((it) => it.set('token', 'x')), 401, 'oidc_answer'],
  'the callback as a form': [{ asking: { method: 'POST', form: { a: 'b' } } }, 405, 'oidc_method'],

  'alg none': [{ idToken: ({ claims }) => `${part({ alg: 'none' })}.${part(claims)}.` }, 401, 'oidc_answer'],
  'alg none that the provider says it supports': [
    {
      metadata: { id_token_signing_alg_values_supported: ['none', 'RS256'] },
      idToken: ({ claims }) => `${part({ alg: 'none' })}.${part(claims)}.`,
    },
    401,
    'oidc_id_token_err_jose_alg_not_allowed',
  ],
  'HS256 by the client’s secret': [
    { metadata: { id_token_signing_alg_values_supported: ['HS256'] }, idToken: (honest) => hmac(honest, SECRET) },
    401,
    'oidc_id_token_err_jose_alg_not_allowed',
  ],
  'HS256 by the public key': [
    { metadata: { id_token_signing_alg_values_supported: ['HS256'] }, idToken: (honest) => hmac(honest, publicPem) },
    401,
    'oidc_id_token_err_jose_alg_not_allowed',
  ],
  'an algorithm that is not pinned': [
    {
      metadata: { id_token_signing_alg_values_supported: ['ES512'] },
      head: { alg: 'ES512', kid: 'es512' },
      key: es512.privateKey,
    },
    401,
    'oidc_id_token_err_jose_alg_not_allowed',
  ],
  'a stranger’s signature': [{ key: stranger.privateKey }, 401, 'oidc_id_token_err_jws_signature_verification_failed'],
  'a stranger’s key in the head': [
    { key: stranger.privateKey, head: { jwk: strangerJwk, jku: 'https://evil.example.com/jwks' } },
    401,
    'oidc_id_token_err_jws_signature_verification_failed',
  ],
  'a key that nobody knows': [
    { key: stranger.privateKey, head: { kid: 'other' } },
    401,
    'oidc_id_token_err_jwks_no_matching_key',
  ],
  'a head that asks for what nobody knows': [
    { idToken: ({ claims }) => byHand({ alg: 'RS256', kid: 'rsa', crit: ['x'], x: 1 }, claims) },
    401,
    'oidc_answer',
  ],
  'a changed claim': [
    {
      idToken: async ({ claims }) => {
        const [head, , signature] = (
          await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'rsa' }).sign(rsa.privateKey)
        ).split('.')
        return `${head}.${part({ ...claims, sub: 'root' })}.${signature}`
      },
    },
    401,
    'oidc_id_token_err_jws_signature_verification_failed',
  ],
  'no nonce': [{ claims: { nonce: undefined } }, 401, 'oidc_answer'],
  'another nonce': [{ claims: { nonce: 'x' } }, 401, 'oidc_answer'],
  'a nonce in a list': [{ claims: ({ claims }) => ({ nonce: [claims['nonce']] }) }, 401, 'oidc_answer'],
  'another issuer': [{ claims: { iss: 'https://evil.example.com' } }, 401, 'oidc_answer'],
  'the issuer with a slash': [{ claims: ({ claims }) => ({ iss: `${claims['iss']}/` }) }, 401, 'oidc_answer'],
  'no issuer': [{ claims: { iss: undefined } }, 401, 'oidc_answer'],
  'another audience': [{ claims: { aud: 'bank' } }, 401, 'oidc_answer'],
  'no audience': [{ claims: { aud: undefined } }, 401, 'oidc_answer'],
  'several audiences and nobody named': [{ claims: { aud: ['shop', 'bank'] } }, 401, 'oidc_answer'],
  'several audiences and another named': [{ claims: { aud: ['shop', 'bank'], azp: 'bank' } }, 401, 'oidc_answer'],
  'one audience and another named': [{ claims: { azp: 'bank' } }, 401, 'oidc_id_token_azp'],
  'a token that has ended': [{ claims: ({ claims }) => ({ exp: Number(claims['iat']) - 6 }) }, 401, 'oidc_answer'],
  'a token without an end': [{ claims: { exp: undefined } }, 401, 'oidc_answer'],
  'an end that is a text': [{ claims: { exp: '9999999999' } }, 401, 'oidc_answer'],
  'a token without a beginning': [{ claims: { iat: undefined } }, 401, 'oidc_answer'],
  'a token of tomorrow': [{ claims: ({ claims }) => ({ nbf: Number(claims['iat']) + 86_400 }) }, 401, 'oidc_answer'],
  'nobody’s name': [{ claims: { sub: undefined } }, 401, 'oidc_answer'],
  'an empty name': [{ claims: { sub: '' } }, 401, 'oidc_id_token_sub'],
  'a name that is a number': [{ claims: { sub: 7 } }, 401, 'oidc_answer'],
  'the hash of another access token': [{ claims: { at_hash: half('another') } }, 401, 'oidc_id_token_at_hash'],
  'a hash that is a number': [{ claims: { at_hash: 7 } }, 401, 'oidc_id_token_at_hash'],
  'an empty hash': [{ claims: { at_hash: '' } }, 401, 'oidc_id_token_at_hash'],
  'an ID token of 20 kB': [{ claims: { pad: 'x'.repeat(16_000) } }, 401, 'oidc_id_token_size'],
  'no ID token': [{ idToken: () => undefined }, 401, 'oidc_answer'],
  'an ID token that is none': [{ idToken: () => 'hello' }, 401, 'oidc_answer'],
  'an ID token that is encrypted': [{ idToken: () => 'a.b.c.d.e' }, 401, 'oidc_answer'],
  'no access token': [{ tokens: { access_token: undefined } }, 401, 'oidc_answer'],
  'an access token of another kind': [{ tokens: { token_type: 'mac' } }, 401, 'oidc_answer'],
  'a time that is none': [{ tokens: { expires_in: 'soon' } }, 401, 'oidc_answer'],
  'a code that was redeemed before': [
    { endpoint: answers(400, '{"error":"invalid_grant"}') },
    401,
    'oidc_invalid_grant',
  ],
  'a wrong secret': [
    { endpoint: answers(401, '{"error":"invalid_client"}', { ...JSON_TYPE, 'www-authenticate': 'Basic' }) },
    401,
    'oidc_answer',
  ],
  'a token endpoint that fails': [{ endpoint: answers(500) }, 503, 'oidc_provider'],
  'a token endpoint that breaks off': [{ endpoint: (request) => void request.socket.destroy() }, 503, 'oidc_provider'],
  'a token endpoint that hangs': [{ endpoint: () => {} }, 503, 'oidc_provider'],
  'a token endpoint that hangs in its answer': [
    { endpoint: (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{') },
    503,
    'oidc_provider',
  ],
  'a token endpoint without an end': [
    {
      endpoint: (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        }
        response.on('drain', more)
        more()
      },
    },
    503,
    'oidc_provider',
  ],
  'a token endpoint that sends elsewhere': [
    { endpoint: answers(307, '', { location: 'http://127.0.0.1:1/' }) },
    401,
    'oidc_answer',
  ],
  'a token endpoint that answers with a page': [{ endpoint: PAGE }, 401, 'oidc_answer'],
  'a token endpoint that answers with a list': [{ endpoint: answers(200, '[]') }, 401, 'oidc_answer'],
}

for (const [name, [does, status, reason]] of Object.entries(REFUSED)) {
  test(`refused: ${name}`, async (t) => {
    const it = await site(t)
    const seen = await it.attempt(does)
    assert.equal(seen.status, status, seen.text)
    assert.equal(it.reason(), reason)
    assert.equal(sessionOf(seen.browser, it.url).length, 0)
    assert.equal(seen.headers.location, undefined)
    assert.match(String(seen.headers['content-security-policy']), /default-src 'none'/)
    assert.doesNotMatch(seen.text, /<script|<b>/)
    // Nothing of what must stay between the three is told to anyone else.
    const told = JSON.stringify([it.logged, seen.text])
    const { SKEIN_TEST_HOSTILE_KEY: key } = process.env
    for (const secret of [
      SECRET,
      key!,
      'an-access-token',
      'a-code',
      it.state.nonce,
      it.state.redeemed[0]?.get('code_verifier'),
    ]) {
      assert.ok(secret == null || !told.includes(secret), `tells ${secret}`)
    }
  })
}

/** What looks odd and is right. */
const ACCEPTED: Readonly<Record<string, Behaviour>> = {
  'all as it should be': {},
  'the issuer in the callback': callback((it, issuer) => it.set('iss', issuer)),
  'the issuer where the provider always names it': {
    ...callback((it, issuer) => it.set('iss', issuer)),
    metadata: { authorization_response_iss_parameter_supported: true },
  },
  'several audiences, us named': { claims: { aud: ['shop', 'bank'], azp: 'shop' } },
  'clocks that differ by less than five seconds': { claims: ({ claims }) => ({ exp: Number(claims['iat']) - 3 }) },
  'a token of in three seconds': { claims: ({ claims }) => ({ nbf: Number(claims['iat']) + 3 }) },
  'the hash of the access token': { claims: ({ accessToken }) => ({ at_hash: half(accessToken) }) },
  'a callback after fourteen minutes': { meanwhile: ({ clock }) => clock.advance(840_000) },
}

for (const [name, does] of Object.entries(ACCEPTED)) {
  test(`accepted: ${name}`, async (t) => {
    const it = await site(t)
    const seen = await it.attempt(does)
    assert.deepEqual([seen.status, seen.headers.location], [303, `${it.url}/page?x=1`])
    assert.equal(sessionOf(seen.browser, it.url).length, 1)
    const [form] = it.state.redeemed
    assert.deepEqual(
      [form!.get('grant_type'), form!.get('code'), form!.get('redirect_uri')],
      ['authorization_code', 'a-code', `${it.url}/oauth2/callback`],
    )
    assert.match(String(form!.get('code_verifier')), /^[\w-]{43}$/)
    assert.equal((await seen.browser.ask(it.url)).status, 200)
  })
}

test('a callback that is repeated makes no second session', async (t) => {
  const it = await site(t)
  const seen = await it.attempt({})
  const again = await seen.browser.ask(seen.callback)
  assert.deepEqual([again.status, it.reason()], [401, 'oidc_state'])
  assert.equal(it.state.redeemed.length, 1, 'the provider is not even asked')
  assert.equal((await seen.browser.ask(it.url)).status, 200, 'and the session that there is goes on')
})

const METADATA: Readonly<Record<string, Behaviour | ((issuer: string) => Behaviour)>> = {
  'calls itself otherwise': { metadata: { issuer: 'https://evil.example.com' } },
  'has no name': { metadata: { issuer: undefined } },
  'has a login page that is a script': { metadata: { authorization_endpoint: 'javascript:alert(1)' } },
  'has a login page on plain HTTP elsewhere': { metadata: { authorization_endpoint: 'http://evil.example.com/' } },
  'has no login page': { metadata: { authorization_endpoint: undefined } },
  'has no keys': { metadata: { jwks_uri: undefined } },
  'has its keys in a file': { metadata: { jwks_uri: 'file:///etc/passwd' } },
  'says nothing': { discovery: (request) => void request.socket.destroy() },
  hangs: { discovery: () => {} },
  fails: { discovery: answers(500) },
  'sends elsewhere': { discovery: answers(302, '', { location: '/jwks' }) },
  'answers with a page': { discovery: PAGE },
  'calls itself almost so': (issuer) => ({ metadata: { issuer: `${issuer}/` } }),
  'says too much': { metadata: { pad: 'x'.repeat(300_000) } },
}

for (const [name, does] of Object.entries(METADATA)) {
  test(`a provider that ${name} is away, and nobody is sent to it`, async (t) => {
    const it = await site(t)
    it.state.does = typeof does === 'function' ? does(it.issuer) : does
    const browser = new Browser()
    const seen = await it.inTime(browser.ask(it.url))
    assert.deepEqual([seen.status, it.reason(), seen.headers.location], [503, 'oidc_provider', undefined])
    it.state.does = {}
    assert.equal((await browser.ask(it.url)).status, 503, 'it is left alone for a while')
    it.clock.advance(5_000)
    assert.equal((await browser.ask(it.url)).status, 303)
  })
}

/** A session's cookie → what somebody made of it. */
const FORGED: Readonly<Record<string, (value: string) => string>> = {
  'no value': () => '',
  'another count': (value) => `2~${value.slice(2)}`,
  'no count': (value) => value.slice(2),
  'a count of nothing': (value) => `0~${value.slice(2)}`,
  'a count of nine': (value) => `9~${value.slice(2)}`,
  'two counts': (value) => `1~${value}`,
  cut: (value) => value.slice(0, -4),
  'cut by one': (value) => value.slice(0, -1),
  'a byte': () => '1~AA',
  'nothing sealed': () => '1~',
  longer: (value) => `${value}AAAA`,
  padded: (value) => `${value}=`,
  'the other base64': (value) => value.replace(/-|_/, '+'),
  'with a blank inside': (value) => `${value.slice(0, 20)} ${value.slice(20)}`,
  quoted: (value) => `"${value}"`,
  'in capitals': (value) => value.toUpperCase(),
  'plain JSON': () => `1~${part({ v: 1, sub: 'root', names: [], claims: {}, until: 9e15 })}`,
  'sealed by another key': () =>
    `1~${new Seal([randomBytes(32)], 'skein session').close({ v: 1, sub: 'root', names: [], claims: {}, until: 9e15 })}`,
  'sealed for another purpose': () => {
    const key = Buffer.from(process.env['SKEIN_TEST_HOSTILE_KEY']!, 'hex')
    return `1~${new Seal([key], 'skein login').close({ v: 1, sub: 'root', names: [], claims: {}, until: 9e15 })}`
  },
  'a JWT': () => `1~${part({ alg: 'none' })}.${part({ sub: 'root' })}.`,
  'all zeros': (value) => `1~${'A'.repeat(value.length)}`,
  'twelve kilobytes': () => `1~${'A'.repeat(12_000)}`,
}

test('a session’s cookie that somebody has changed or made up lets nobody in', async (t) => {
  const it = await site(t)
  const { browser } = await it.attempt({})
  const [[name, value]] = sessionOf(browser, it.url) as [[string, string]]
  const shown = async (cookie: string) => {
    const other = new Browser()
    return (await other.ask(it.url, { headers: { cookie } })).status
  }
  assert.equal(await shown(`${name}=${value}`), 200)
  for (const [what, forge] of Object.entries(FORGED)) assert.equal(await shown(`${name}=${forge(value)}`), 303, what)
  for (let at = 2; at < value.length - 1; at += 7) {
    const other = value[at] === 'A' ? 'B' : 'A'
    assert.equal(await shown(`${name}=${value.slice(0, at)}${other}${value.slice(at + 1)}`), 303, `at ${at}`)
  }
  assert.equal(await shown(`${name.replace('__Host-', '')}=${value}`), 303, 'without the prefix that guards it')
  assert.equal(await shown(`${name.toUpperCase()}=${value}`), 303)
  assert.equal(await shown(`${name}=x; ${name}=${value}`), 303, 'the first counts')
  assert.equal(await shown(`${name}.1=${value}`), 303)
})

test('cookies beyond what a head may have are refused as every head is', async (t) => {
  const it = await site(t)
  const cookies = Array.from({ length: 200 }, (_, i) => `__Host-skein-00000000.${i}=${'x'.repeat(100)}`).join('; ')
  const { status } = await rawRequest(it.port, `GET / HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: ${cookies}\r\n\r\n`)
  assert.equal(status, 431)
})

test('a cookie of one purpose, one client or one provider is none of another', async (t) => {
  const it = await site(t)
  const { browser } = await it.attempt({})
  const [[name, value]] = sessionOf(browser, it.url) as [[string, string]]
  const begun = new Browser()
  await begun.ask(it.url)
  const login = begun.cookies(it.url).get(loginCookie(begun, it.url))!
  for (const text of [login, `1~${login}`]) {
    const other = new Browser()
    assert.equal((await other.ask(it.url, { headers: { cookie: `${name}=${text}` } })).status, 303)
  }
  for (const change of [{ clientId: 'bank' }, { keys: { env: 'SKEIN_TEST_OTHER_KEY' } }, { at: '/login' }]) {
    it.gateway.reload({ port: it.port, routes: [{ to: 'users', auth: { oidc: { ...it.rule, ...change } } }] })
    const other = new Browser()
    const fresh = (await other.ask(it.url)).headers['set-cookie']![0]!.slice(0, name.length)
    for (const one of [name, fresh]) {
      const seen = await other.ask(it.url, { headers: { cookie: `${one}=${value}` } })
      assert.equal(seen.status, 303, JSON.stringify(change))
    }
  }
})

/** Where somebody would like people to be sent after a sign-in. */
const PLACES: Readonly<Record<string, string>> = {
  '//evil.example.com': '/',
  '///evil.example.com': '/',
  '/\\evil.example.com': '/',
  '\\/evil.example.com': '/',
  '/\\/evil.example.com': '/',
  'https://evil.example.com/': '/',
  'https:evil.example.com': '/',
  'evil.example.com': '/',
  '@evil.example.com': '/',
  'javascript:alert(1)': '/',
  'data:text/html,x': '/',
  '/\t/evil.example.com': '/',
  '/\n/evil.example.com': '/',
  '\t//evil.example.com': '/',
  ' //evil.example.com': '/',
  '/.//evil.example.com': '/',
  '/x/..//evil.example.com': '/',
  '/%2e//evil.example.com': '/',
  '/x/%2e%2e//evil.example.com': '/',
  '/ü': '/',
  '': '/',
  [`/${'x'.repeat(2000)}`]: '/',
  '/page\r\nset-cookie: a=b': '/',
  '/@evil.example.com': '/@evil.example.com',
  '/%5cevil.example.com': '/%5cevil.example.com',
  '/%2f%2fevil.example.com': '/%2f%2fevil.example.com',
  '/page?to=//evil.example.com': '/page?to=//evil.example.com',
  '/page#//evil.example.com': '/page',
  '/a/../b': '/b',
}

test('after a sign-in people are on this site, whatever a link says', async (t) => {
  const it = await site(t)
  for (const [place, path] of Object.entries(PLACES)) {
    const browser = new Browser()
    const begun = await browser.ask(`${it.url}/oauth2/login?to=${encodeURIComponent(place)}`)
    const asked = new URL(begun.headers.location!).searchParams
    assert.equal(asked.get('redirect_uri'), `${it.url}/oauth2/callback`)
    it.state.nonce = asked.get('nonce')!
    const seen = await browser.ask(`${it.url}/oauth2/callback?code=a-code&state=${asked.get('state')}`)
    assert.equal(seen.headers.location, `${it.url}${path}`, place)
  }
})

test(`a place on this site, as URLs see it (SKEIN_SEED=${SEED})`, () => {
  const random = seeded(SEED)
  const origin = 'https://shop.example.com'
  const pieces = ['/', '\\', '.', '..', '%2e', '%5c', '@', ':', '?', '#', 'evil.com', 'https:', '\t', ' ', ';', '//']
  for (let i = 0; i < 20_000; i++) {
    const place = Array.from({ length: 6 }, () => pieces[below(random, pieces.length)]).join('')
    const safe = localPlace(`/${place}`, origin)
    if (safe === undefined) continue
    assert.equal(new URL(safe, origin).origin, origin, place)
    assert.equal(new URL(`${origin}${safe}`).origin, origin, place)
    assert.match(safe, /^\/(?![/\\])/)
  }
})

test('a page whose address would lead elsewhere leads home', async (t) => {
  const it = await site(t)
  for (const target of ['//evil.example.com/x', '/%09/evil.example.com', '/\\evil.example.com']) {
    const { status, text } = await rawRequest(
      it.port,
      `GET ${target} HTTP/1.1\r\nhost: 127.0.0.1:${it.port}\r\naccept: text/html\r\n\r\n`,
    )
    if (status === 400) continue
    assert.equal(status, 303, target)
    const state = /[?&]state=([\w-]+)/.exec(text)![1]!
    it.state.nonce = /[?&]nonce=([\w-]+)/.exec(text)![1]!
    const [, cookie] = /^set-cookie: ([^;]+)/im.exec(text)!
    const browser = new Browser()
    const seen = await browser.ask(`${it.url}/oauth2/callback?code=a-code&state=${state}`, {
      headers: { cookie: cookie! },
    })
    assert.equal(new URL(seen.headers.location!).origin, it.url)
  }
})

test('where browsers would not keep the cookies, a sign-in is not begun in a circle', async (t) => {
  const it = await site(t)
  const browser = new Browser()
  const seen = await browser.ask(it.url, { headers: { host: 'shop.example.com' } })
  assert.deepEqual([seen.status, it.reason()], [403, 'oidc_needs_https'])
  assert.match(seen.text, /give the gateway tls, trustedProxies, or auth\.oidc\.origin/)
  const untrusted = { host: 'shop.example.com', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example.com' }
  assert.equal((await browser.ask(it.url, { headers: untrusted })).status, 403)
})

test('behind a proxy that is trusted, or with an origin of its own, the provider is told where browsers are', async (t) => {
  const it = await site(t, {}, { trustedProxies: ['127.0.0.1'] })
  const headers = { host: 'inside', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.example.com' }
  const callbackOf = (seen: Seen) => new URL(seen.headers.location!).searchParams.get('redirect_uri')
  assert.equal(callbackOf(await new Browser().ask(it.url, { headers })), 'https://shop.example.com/oauth2/callback')
  const other = await site(t, { origin: 'https://shop.example.com' })
  const seen = await new Browser().ask(other.url, { headers: { host: 'evil.example.com' } })
  assert.equal(callbackOf(seen), 'https://shop.example.com/oauth2/callback', 'whatever Host says')
})

const REFRESHED: Readonly<Record<string, readonly [Behaviour, number]>> = {
  'an ID token of another person': [{ claims: { sub: 'eve' } }, 303],
  'an ID token of a stranger': [{ key: stranger.privateKey }, 303],
  'an ID token with another nonce': [{ claims: { nonce: 'another' } }, 303],
  'the hash of another access token': [{ claims: { at_hash: half('another') } }, 303],
  'a no': [REFUSED['a code that was redeemed before']![0], 303],
  'a wrong secret': [REFUSED['a wrong secret']![0], 200],
  'a failure': [REFUSED['a token endpoint that fails']![0], 200],
  nothing: [REFUSED['a token endpoint that hangs']![0], 200],
  'a page': [REFUSED['a token endpoint that answers with a page']![0], 200],
  'an ID token without the nonce': [{ claims: { nonce: undefined } }, 200],
  'an ID token with the same nonce': [{}, 200],
  'no ID token': [{ idToken: () => undefined }, 200],
  'no new refresh token': [{ tokens: { refresh_token: undefined } }, 200],
}

for (const [name, [does, status]] of Object.entries(REFRESHED)) {
  test(`a renewal that is answered with ${name}: ${status === 200 ? 'the session goes on' : 'it is over'}`, async (t) => {
    const it = await site(t)
    const { browser } = await it.attempt({ tokens: { refresh_token: 'r1' } })
    it.state.does = { tokens: { refresh_token: 'r2' }, ...does }
    it.clock.advance(61_000)
    assert.equal((await it.inTime(browser.ask(it.url))).status, status)
    assert.equal(it.state.redeemed.at(-1)!.get('refresh_token'), 'r1')
    assert.doesNotMatch(JSON.stringify(it.logged), /"r1"|"r2"|an-access-token/)
  })
}

test('who signs out takes the refresh token along, so that a copy of the session ends, too', async (t) => {
  const it = await site(t)
  const { browser } = await it.attempt({ tokens: { refresh_token: 'r1' } })
  const out = await browser.ask(`${it.url}/oauth2/logout`)
  assert.match(out.headers.location!, /\/logout\?client_id=shop&post_logout_redirect_uri=/)
  while (it.state.revoked === '') await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(new URLSearchParams(it.state.revoked).get('token'), 'r1')
})

test('what was wrong is told to who runs the gateway', async (t) => {
  const it = await site(t)
  await it.attempt({ claims: { aud: 'bank' } })
  const told = it.logged.find(({ msg }) => String(msg).startsWith('a sign-in failed'))!
  assert.equal(told['issuer'], it.issuer)
  assert.match(JSON.stringify(told['err']), /unexpected JWT \\"aud\\"/)
})

test('who has lost a right is refused at the next renewal, and keeps the session', async (t) => {
  const it = await site(t, { claims: { groups: 'admin' } })
  const { browser } = await it.attempt({ claims: { groups: ['admin'] }, tokens: { refresh_token: 'r1' } })
  assert.equal((await browser.ask(it.url)).status, 200)
  it.state.does = { claims: { groups: ['clerk'] }, tokens: { refresh_token: 'r2' } }
  it.clock.advance(61_000)
  const refused = await browser.ask(it.url)
  assert.deepEqual([refused.status, it.reason()], [403, 'claim_groups'])
  assert.equal(
    refused.headers['set-cookie']?.length,
    1,
    'the browser has the new token, or it would show the old one again',
  )
  it.state.does = { claims: { groups: ['admin'] }, tokens: { refresh_token: 'r3' } }
  it.clock.advance(400_000)
  assert.equal((await browser.ask(it.url)).status, 200)
  assert.equal(it.state.redeemed.at(-1)!.get('refresh_token'), 'r2')
})

test('the configuration is checked key by key, with the way out', async (t) => {
  const caller = createCaller({ source: staticSource([]), metrics: new Metrics() })
  t.after(() => caller.close())
  const good = { issuer: 'https://login.example.com', clientId: 'shop', keys: { env: 'SKEIN_TEST_HOSTILE_KEY' } }
  process.env['SKEIN_TEST_SHORT_KEY'] = 'much-too-short'
  const bad: [Record<string, unknown>, RegExp][] = [
    [{ issuer: undefined }, /oidc\.issuer: is missing\. Write it like \{ issuer: "https:\/\/login/],
    [{ issuer: 'http://login.example.com' }, /oidc\.issuer: is no https URL/],
    [{ issuer: 'https://login.example.com/?x' }, /oidc\.issuer: is no https URL/],
    [{ clientSecret: 'pa55word' }, /oidc\.clientSecret: stands in the configuration itself\. Write \{ env: "NAME/],
    [
      { clientSecret: { env: 'SKEIN_TEST_NOT_THERE' } },
      /oidc\.clientSecret: the environment variable SKEIN_TEST_NOT_THERE is empty or not there/,
    ],
    [{ keys: [] }, /oidc\.keys: is empty/],
    [
      { keys: { env: 'SKEIN_TEST_SHORT_KEY' } },
      /oidc\.keys: is not 32 bytes in hex or base64\. Make one with `openssl rand -hex 32`/,
    ],
    [{ keys: [good.keys, { file: '/no/such' }] }, /oidc\.keys\[1\]: cannot be read/],
    [{ scope: ['email'] }, /oidc\.scope: unknown key\. Did you mean "scopes"/],
    [{ scopes: ['two words'] }, /oidc\.scopes\[0\]: "two words" is not a scope/],
    [{ at: 'oauth2' }, /oidc\.at: "oauth2" is not a plain path/],
    [{ at: '/oauth2/' }, /oidc\.at:/],
    [{ origin: 'https://shop.example.com/' }, /oidc\.origin: is no scheme and host alone/],
    [{ sessionSeconds: 5 }, /oidc\.sessionSeconds: 5 is out of range/],
    [{ afterLogout: '//evil.example.com' }, /oidc\.afterLogout: is neither a path nor an http URL/],
    [{ parameters: { redirect_uri: 'x' } }, /oidc\.parameters\.redirect_uri: is the gateway’s to say/],
    [{ algorithms: ['HS256'] }, /oidc\.algorithms\[0\]: "HS256" is not known here/],
    [{ algorithms: ['none'] }, /oidc\.algorithms\[0\]: "none" is not known here/],
    [{ forward: { email: 'x-skein-subject' } }, /oidc\.forward\.email:/],
  ]
  for (const [change, words] of bad) {
    const config = { port: 0, routes: [{ to: 'users', auth: { oidc: { ...good, ...change } } }] }
    await assert.rejects(
      startGateway({ config: config as unknown as GatewayConfig, caller, metrics: new Metrics() }),
      (error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, words)
        assert.doesNotMatch(error.message, /pa55word|much-too-short/)
        return true
      },
    )
  }
  const two = [
    { path: '/a/*', to: 'users', auth: { oidc: good } },
    { path: '/b/*', to: 'users', auth: { oidc: { ...good, issuer: 'https://other.example.com' } } },
  ]
  await assert.rejects(
    startGateway({ config: { port: 0, routes: two }, caller, metrics: new Metrics() }),
    /routes\[1\]\.auth\.oidc\.at: is where route 0 has another login\. Give it a path of its own, as in at: "\/oauth2-1"/,
  )
  const [first, second] = two as [RouteConfig, RouteConfig]
  const spelt = [
    { ...first, host: 'Shop.example.com' },
    { ...second, host: 'shop.example.com' },
  ]
  const config = { port: 0, routes: spelt }
  await assert.rejects(startGateway({ config, caller, metrics: new Metrics() }), /is where route 0 has another login/)
})

test('a Host that is none for a URL is the client’s mistake', async (t) => {
  const it = await site(t)
  const port = Number(new URL(it.url).port)
  for (const page of ['logout', 'login', 'callback?state=x']) {
    const { status, text } = await rawRequest(port, `GET /oauth2/${page} HTTP/1.1\r\nHost: 999.999.999.999\r\n\r\n`)
    assert.ok(status === 400 || status === 401, text)
  }
  assert.deepEqual(
    it.logged.filter(({ level }) => Number(level) >= 50),
    [],
  )
})

test('seconds of a cookie and of a session are the same', async (t) => {
  const it = await site(t, { sessionSeconds: 600 })
  const { headers } = await it.attempt({})
  const age = Number(/Max-Age=(\d+)/.exec(headers['set-cookie']![0]!)![1])
  assert.ok(age <= 600 && age >= 599, `${age} at ${seconds(it.clock.now())}`)
})
