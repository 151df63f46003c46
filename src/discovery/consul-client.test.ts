import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import { ConsulClient } from './consul-client.ts'

/** A client against a server made of one function; `seen` has the requests. */
function withServer(
  what: string,
  answer: RequestListener,
  run: (client: ConsulClient, seen: IncomingMessage[], clock: VirtualClock) => Promise<void>,
) {
  test(what, async () => {
    const seen: IncomingMessage[] = []
    const server = createServer((request, response) => {
      seen.push(request)
      answer(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const clock = new VirtualClock()
    const client = new ConsulClient({ address, token: 'secret', clock })
    try {
      await run(client, seen, clock)
    } finally {
      await client.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })
}

const kv = JSON.stringify([{ Key: 'a/b', Value: Buffer.from('grün').toString('base64'), ModifyIndex: 7 }])

withServer(
  'index and body are read; wait and token are sent',
  (_, response) => response.setHeader('X-Consul-Index', '42').end('{"a":1}'),
  async (client, seen) => {
    const answer = await client.get('/v1/x?dc=1', { index: 41, waitMs: 2000 })
    assert.deepEqual(answer, {
      registry: client.address,
      current: true,
      status: 200,
      index: 42,
      body: { a: 1 },
      text: '{"a":1}',
    })
    assert.equal(seen[0]?.url, '/v1/x?dc=1&index=41&wait=2000ms')
    assert.equal(seen[0]?.headers['x-consul-token'], 'secret')
    await client.get('/v1/x', { index: 0, waitMs: 2000 })
    assert.equal(seen[1]?.url, '/v1/x')
  },
)

withServer(
  'a key is read by its segments and decoded',
  (_, response) => response.end(kv),
  async (client, seen) => {
    assert.deepEqual(await client.kvGet('a/b c'), { value: 'grün', modifyIndex: 7 })
    assert.equal(seen[0]?.url, '/v1/kv/a/b%20c')
  },
)

withServer(
  '404 is an answer: no key, no error',
  (_, response) => response.writeHead(404).end(),
  async (client) => {
    assert.equal(await client.kvGet('a'), undefined)
    assert.equal((await client.put('/v1/agent/check/pass/x')).status, 404)
  },
)

withServer(
  '500 throws and names the registry and what it said',
  (_, r) => r.writeHead(500).end('No leader'),
  async (client) => {
    await assert.rejects(client.get('/v1/x?token=t'), (error) => {
      assert.ok(error instanceof SkeinError)
      assert.equal(error.code, 'REGISTRY_UNAVAILABLE')
      assert.match(error.message, /registry at http:\/\/127\.0\.0\.1:\d+: GET \/v1\/x: status 500: No leader/)
      return true
    })
  },
)

withServer(
  'a refused write of a key throws',
  (_, response) => response.writeHead(403).end('no'),
  async (client) => {
    await assert.rejects(client.kvPut('a', 'b'), /PUT \/v1\/kv\/a: status 403: no/)
  },
)

test('a registry that is not there throws', async () => {
  const client = new ConsulClient({ address: 'http://127.0.0.1:1' })
  await assert.rejects(client.put('/v1/x', { a: 1 }), { code: 'REGISTRY_UNAVAILABLE' })
  await client.close()
})

test('a blocking query is given its wait, a sixteenth and five seconds', async () => {
  let arrived = () => {}
  const server = createServer(() => arrived())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const clock = new VirtualClock()
  const client = new ConsulClient({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, clock })
  const there = new Promise<void>((resolve) => {
    arrived = resolve
  })
  let failed = false
  const asking = client.get('/v1/x', { index: 1, waitMs: 16_000 }).catch((error) => {
    failed = true
    return error
  })
  await there
  clock.advance(21_999)
  await new Promise(setImmediate)
  assert.equal(failed, false)
  clock.advance(1)
  assert.match(String(await asking), /no answer in 22000 ms/)
  await client.close()
  server.close()
})
