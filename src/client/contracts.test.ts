import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import { Contracts } from './contracts.ts'
import { eventually } from './kit.suite.ts'

const contract = (hash: string) => ({ service: 'users', hash, operations: {} })

const says =
  (hash: string): RequestListener =>
  (_, response) => {
    const Value = Buffer.from(JSON.stringify(contract(hash))).toString('base64')
    response.end(JSON.stringify([{ Value, ModifyIndex: 1 }]))
  }
const knowsNone: RequestListener = (_, response) => void response.writeHead(404).end()
const breaks: RequestListener = (_, response) => void response.writeHead(500).end('no leader')
const hangs: RequestListener = () => {}

/** Contracts that are kept in a folder; `restart` is another process with that folder and a registry that answers so. */
async function scene(t: TestContext, folder = true) {
  const snapshots = folder ? mkdtempSync(path.join(tmpdir(), 'skein-contracts-')) : undefined
  const clock = new VirtualClock()
  let asked = 0
  let answer = says('old')
  const server = createServer((request, response) => {
    asked++
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const clients: ConsulClient[] = []
  const begin = () => {
    const client = new ConsulClient({ address, clock, snapshots })
    clients.push(client)
    return new Contracts(client, clock)
  }
  t.after(async () => {
    for (const client of clients) await client.close()
    server.closeAllConnections()
    server.close()
    if (snapshots !== undefined) rmSync(snapshots, { recursive: true })
  })
  const restart = async (next: RequestListener) => {
    await clients.at(-1)?.close()
    answer = next
    asked = 0
    return begin()
  }
  return { begin, restart, clock, asked: () => asked, set: (next: RequestListener) => (answer = next) }
}

for (const [what, answer] of Object.entries({ breaks, knowsNone })) {
  test(`a registry that ${what}: the contract of the file is used, and the registry asked again in a moment`, async (t) => {
    const { begin, restart, clock, asked, set } = await scene(t)
    assert.equal((await begin().get('users')).hash, 'old')
    const again = await restart(answer)
    for (let i = 0; i < 5; i++) assert.equal((await again.get('users')).hash, 'old')
    assert.equal(asked(), 1)
    set(says('new'))
    clock.advance(1_001)
    await eventually(async () => (await again.get('users')).hash === 'new')
    assert.equal(asked(), 2)
  })
}

test('a registry that hangs is waited for a second, the first time', async (t) => {
  const { begin, restart, clock, asked } = await scene(t)
  await begin().get('users')
  const again = await restart(hangs)
  let hash: string | undefined
  const reading = again.get('users').then((found) => (hash = found.hash))
  await eventually(() => asked() === 1)
  clock.advance(999)
  assert.equal(hash, undefined)
  clock.advance(1)
  await reading
  assert.equal((await again.get('users')).hash, 'old')
})

test('the word of a registry that answers counts, whatever the file says', async (t) => {
  const { begin, restart } = await scene(t)
  await begin().get('users')
  assert.equal((await (await restart(says('new'))).get('users')).hash, 'new')
})

test('without a folder an outage is an error', async (t) => {
  const { begin, restart } = await scene(t, false)
  await begin().get('users')
  await assert.rejects((await restart(breaks)).get('users'), { code: 'REGISTRY_UNAVAILABLE' })
  await assert.rejects((await restart(knowsNone)).get('users'), { code: 'UNKNOWN_CONTRACT' })
})

test('while the registry is away a contract that has grown old is asked for once a second, not with each call', async (t) => {
  const { begin, clock, asked, set } = await scene(t)
  const contracts = begin()
  await contracts.get('users')
  set(breaks)
  clock.advance(30_001)
  await contracts.get('users')
  await eventually(() => asked() === 2)
  await contracts.read('users').catch(() => {}) // ends after the one under way
  for (let i = 0; i < 10; i++) await contracts.get('users')
  const before = asked()
  clock.advance(999)
  await contracts.get('users')
  assert.equal(asked(), before)
  clock.advance(2)
  await contracts.get('users')
  await eventually(() => asked() === before + 1)
})

test('the versions of a service are found whatever letters its name has', async (t) => {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.url)
    response.end('[]')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const consul = new ConsulClient({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  t.after(async () => {
    await consul.close()
    server.close()
  })
  for (const service of ['users', '注文 ?#']) assert.deepEqual(await new Contracts(consul).versions(service), [])
  assert.deepEqual(asked, [
    '/v1/kv/skein/contracts/users/?recurse',
    `/v1/kv/skein/contracts/${encodeURIComponent('注文 ?#')}/?recurse`,
  ])
})
