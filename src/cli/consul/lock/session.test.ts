import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { VirtualClock } from '../../../core/clock.ts'
import { ConsulClient } from '../../../discovery/consul-client.ts'
import { Api } from '../api.ts'
import { LockSession } from './session.ts'

/** What stands for a registry notes each question, and answers with `status`; 0 = never. */
async function bench() {
  const registry = { status: 200, asked: [] as string[] }
  let wake = () => {}
  const server = createServer((request, response) => {
    registry.asked.push(request.url!.replace('/v1/session/', ''))
    if (registry.status > 0) response.writeHead(registry.status).end('{"ID": "s1"}')
    wake()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const clock = new VirtualClock()
  const client = new ConsulClient({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, clock })
  const session = await LockSession.begin(new Api(client, {}), clock, { name: 'x', behaviour: 'release' })
  return {
    ...{ registry, clock, session },
    /** Resolves once so many questions have come. */
    async asked(count: number) {
      while (registry.asked.length < count) await new Promise<void>((resolve) => (wake = resolve))
    },
    async [Symbol.asyncDispose]() {
      await client.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

test('a session is renewed after half of its TTL, and ended', async () => {
  await using one = await bench()
  one.clock.advance(7_499)
  assert.equal(one.registry.asked.length, 1)
  one.clock.advance(1)
  await one.asked(2)
  await one.session.end()
  one.clock.advance(60_000)
  assert.deepEqual(one.registry.asked, ['create', 'renew/s1', 'destroy/s1'])
  assert.equal(one.session.lost.aborted, false)
})

test('a session of which the registry knows nothing is lost at once', async () => {
  await using one = await bench()
  one.registry.status = 404
  one.clock.advance(7_500)
  await once(one.session.lost, 'abort')
})

test('a session that could not be renewed for a whole TTL is taken for lost', async () => {
  await using one = await bench()
  one.registry.status = 0
  one.clock.advance(7_500)
  await one.asked(2)
  one.clock.advance(7_499)
  assert.equal(one.session.lost.aborted, false)
  one.clock.advance(1)
  assert.equal(one.session.lost.aborted, true)
})
