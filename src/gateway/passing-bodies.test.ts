/**
 * Bodies are read into buffers that are used again: whatever comes between, late readers and clients that go included, nobody gets a
 * byte of somebody else's.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestPlain } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { Agent as HttpsAgent, request as requestTls } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { makeAuthority, needsCertificates } from '../../test/support/certificates.ts'
import { below, type Random, seeded } from '../core/random.ts'
import type { GatewayConfig } from './contract.ts'
import { httpUpstream, instance, workbench } from './workbench.suite.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? Date.now() % 2 ** 31)
const AT_ONCE = 24
const ROUNDS = 4

/** Bytes that are those of `mark` at every place. */
function marked(mark: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  for (let at = 0; at < size; at++) bytes[at] = mark + (at >> 8) * 31 + at * 7
  return bytes
}

const digest = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex')

/** Sizes about the places where the way of a body changes, and any other. */
function sizeOf(random: Random): number {
  const edges = [1, 60, 2_047, 2_048, 16_383, 16_385, 65_535, 65_537, 262_144]
  return random() < 0.5 ? edges[below(random, edges.length)]! : 1 + below(random, 600_000)
}

/** Answers `/<route>/<mark>/<size>/<framing>` in pieces, and tells the digest of what it got; `onWrong` where that is not what was sent. */
function upstream(t: TestContext, random: Random, onWrong: (what: string) => void) {
  return httpUpstream(t, async (request, response) => {
    const hash = createHash('sha1')
    for await (const chunk of request) hash.update(chunk as Buffer)
    const [, , mark, size, framing] = request.url!.split('/')
    const body = marked(Number(mark), Number(size))
    const got = hash.digest('hex')
    if (got !== request.headers['x-sent']) onWrong(`${request.url} ${request.headers['x-skein-mirror'] ?? ''}`)
    response.setHeader('x-got', got)
    response.setHeader('content-type', 'text/plain')
    if (framing === 'length') response.setHeader('content-length', body.length)
    for (let at = 0; at < body.length && !response.destroyed; ) {
      const next = at + 1 + below(random, random() < 0.5 ? 300_000 : 5_000)
      if (!response.write(body.subarray(at, next)))
        await Promise.race([once(response, 'drain'), once(response, 'close')])
      at = next
    }
    response.end()
  })
}

/** One request, by whatever protocol. */
interface Asked {
  readonly request: Writable
  readonly answered: Promise<{
    readonly status: unknown
    readonly got: unknown
    readonly content: AsyncIterable<Buffer>
  }>
}

type Ask = (url: string, method: string, headers: Record<string, string | number>) => Asked

/** By HTTP/1.1. */
function asked(request: ClientRequest): Asked {
  const answered = once(request, 'response').then(([content]: IncomingMessage[]) => ({
    ...{ status: content!.statusCode, got: content!.headers['x-got'], content: content as AsyncIterable<Buffer> },
  }))
  return { request, answered }
}

/** By HTTP/2, on one of two connections. */
function askingBy(t: TestContext, random: Random, open: () => ClientHttp2Session): Ask {
  const sessions = [open(), open()]
  t.after(() => sessions.forEach((one) => void one.destroy()))
  return (url, method, headers) => {
    const content = sessions[below(random, 2)]!.request({ ':method': method, ':path': url, ...headers })
    const reading = begun(content)
    const answered = once(content, 'response').then(([fields]: Record<string, unknown>[]) => ({
      ...{ status: fields![':status'], got: fields!['x-got'], content: reading },
    }))
    return { request: content, answered }
  }
}

/** Read from now on: who begins when all has come, with the head as it may be, is told by Node's client that it broke off. */
function begun(content: Readable): AsyncIterable<Buffer> {
  const reading = content[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const first = [reading.next()]
  const next = () => first.pop() ?? reading.next()
  return { [Symbol.asyncIterator]: () => ({ next, return: () => reading.return!() }) }
}

async function exchange(ask: Ask, random: Random): Promise<void> {
  const posts = random() < 0.5
  const [mark, size, mine] = [below(random, 256), sizeOf(random), marked(below(random, 256), sizeOf(random))]
  const sent = posts ? mine : Buffer.alloc(0)
  const route = ['plain', 'kept', 'packed', 'copied'][below(random, 4)]!
  const url = `/${route}/${mark}/${size}/${random() < 0.5 ? 'length' : 'chunked'}`
  const length = posts && random() < 0.5 ? { 'content-length': sent.length } : {}
  const { request, answered } = ask(url, posts ? 'POST' : 'GET', { 'x-sent': digest(sent), ...length })
  request.on('error', () => {})
  request.end(posts ? sent : undefined)
  const { status, got, content } = await answered
  const goes = random() < 0.15
  const isSlow = random() < 0.4
  const chunks: Buffer[] = []
  for await (const chunk of content) {
    chunks.push(chunk)
    if (goes) return
    for (let turns = isSlow ? 5 : 0; turns > 0; turns--) await turn()
  }
  const body = Buffer.concat(chunks)
  assert.equal(status, 200)
  assert.equal(body.length, size, url)
  if (!body.equals(marked(mark, size))) assert.fail(`${url}: not its own bytes`)
  if (route !== 'kept' || posts) assert.equal(got, digest(sent), url)
}

type Asking = (base: string, random: Random) => Ask

async function crowd(t: TestContext, config: Partial<GatewayConfig>, asking: Asking): Promise<void> {
  t.diagnostic(`SKEIN_SEED=${SEED}`)
  const random = seeded(SEED)
  const wrong: string[] = []
  const { port } = await upstream(t, random, (what) => void wrong.push(what))
  const { gateway } = await workbench(t, {
    instances: [instance(port), instance(port, { service: 'copies' })],
    config: {
      ...config,
      routes: [
        { path: '/kept/*', to: 'users', cache: { defaultSeconds: 60 } },
        { path: '/packed/*', to: 'users', compress: true },
        { path: '/copied/*', to: 'users', mirror: { to: 'copies' } },
        { to: 'users' },
      ],
    },
  })
  const ask = asking(`127.0.0.1:${gateway.port}`, random)
  for (let round = 0; round < ROUNDS; round++)
    await Promise.all(Array.from({ length: AT_ONCE }, () => exchange(ask, random)))
  assert.deepEqual(wrong, [])
}

test('in clear', async (t) => {
  const agent = new HttpAgent({ keepAlive: true })
  t.after(() => agent.destroy())
  await crowd(
    t,
    {},
    (base) => (url, method, headers) => asked(requestPlain(`http://${base}${url}`, { agent, method, headers })),
  )
})

test('over HTTP/2, in clear', (t) =>
  crowd(t, {}, (base, random) => askingBy(t, random, () => connect(`http://${base}`))))

/** The gateway's configuration for TLS, and whom its clients trust. */
function secured(t: TestContext): { readonly config: Partial<GatewayConfig>; readonly ca: Buffer } {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const { ca, cert, key } = makeAuthority(dir)('shop')
  return { config: { tls: { certificates: [{ cert, key }] } }, ca: readFileSync(ca) }
}

test('over TLS', { skip: needsCertificates() }, async (t) => {
  const { config, ca } = secured(t)
  const agent = new HttpsAgent({ keepAlive: true, ca })
  t.after(() => agent.destroy())
  await crowd(
    t,
    config,
    (base) => (url, method, headers) => asked(requestTls(`https://${base}${url}`, { agent, method, headers })),
  )
})

test('over HTTP/2 and TLS', { skip: needsCertificates() }, (t) => {
  const { config, ca } = secured(t)
  return crowd(t, config, (base, random) => askingBy(t, random, () => connect(`https://${base}`, { ca })))
})
