/**
 * Bodies are read into buffers that are used again: whatever comes between, late readers and clients that go included, nobody gets a
 * byte of somebody else's.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent as HttpAgent, type IncomingMessage, request as requestPlain } from 'node:http'
import { Agent as HttpsAgent, request as requestTls } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
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

/** Answers `/<route>/<mark>/<size>/<framing>` in pieces, and tells the digest of what it got. */
function upstream(t: TestContext, random: Random) {
  return httpUpstream(t, async (request, response) => {
    const hash = createHash('sha1')
    for await (const chunk of request) hash.update(chunk as Buffer)
    const [, , mark, size, framing] = request.url!.split('/')
    const body = marked(Number(mark), Number(size))
    response.setHeader('x-got', hash.digest('hex'))
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

type Ask = (
  url: string,
  init: { readonly method: string; readonly headers: Record<string, string | number> },
) => ReturnType<typeof requestPlain>

async function exchange(ask: Ask, random: Random): Promise<void> {
  const [mark, size, sent] = [below(random, 256), sizeOf(random), marked(below(random, 256), sizeOf(random))]
  const route = ['plain', 'kept', 'packed'][below(random, 3)]!
  const url = `/${route}/${mark}/${size}/${random() < 0.5 ? 'length' : 'chunked'}`
  const posts = random() < 0.5
  const request = ask(url, {
    method: posts ? 'POST' : 'GET',
    headers: posts && random() < 0.5 ? { 'content-length': sent.length } : {},
  })
  request.on('error', () => {})
  request.end(posts ? sent : undefined)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const goes = random() < 0.15
  const isSlow = random() < 0.4
  const chunks: Buffer[] = []
  for await (const chunk of response) {
    chunks.push(chunk as Buffer)
    if (goes) return
    for (let turns = isSlow ? 5 : 0; turns > 0; turns--) await turn()
  }
  const body = Buffer.concat(chunks)
  assert.equal(response.statusCode, 200)
  assert.equal(body.length, size, url)
  if (!body.equals(marked(mark, size))) assert.fail(`${url}: not its own bytes`)
  if (route !== 'kept' || posts) assert.equal(response.headers['x-got'], digest(posts ? sent : Buffer.alloc(0)), url)
}

async function crowd(t: TestContext, config: Partial<GatewayConfig>, askAt: (base: string) => Ask): Promise<void> {
  t.diagnostic(`SKEIN_SEED=${SEED}`)
  const random = seeded(SEED)
  const { port } = await upstream(t, random)
  const { gateway } = await workbench(t, {
    instances: [instance(port)],
    config: {
      ...config,
      routes: [
        { path: '/kept/*', to: 'users', cache: { defaultSeconds: 60 } },
        { path: '/packed/*', to: 'users', compress: true },
        { to: 'users' },
      ],
    },
  })
  const ask = askAt(`127.0.0.1:${gateway.port}`)
  for (let round = 0; round < ROUNDS; round++)
    await Promise.all(Array.from({ length: AT_ONCE }, () => exchange(ask, random)))
}

test('in clear', async (t) => {
  const agent = new HttpAgent({ keepAlive: true })
  t.after(() => agent.destroy())
  await crowd(t, {}, (base) => (url, init) => requestPlain(`http://${base}${url}`, { agent, ...init }))
})

test('over TLS', { skip: needsCertificates() }, async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const { ca, cert, key } = makeAuthority(dir)('shop')
  const agent = new HttpsAgent({ keepAlive: true, ca: readFileSync(ca) })
  t.after(() => agent.destroy())
  await crowd(
    t,
    { tls: { certificates: [{ cert, key }] } },
    (base) => (url, init) => requestTls(`https://${base}${url}`, { agent, ...init }),
  )
})
