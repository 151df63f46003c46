import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as z from 'zod'
import { VirtualClock } from '../core/clock.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import { startRegistry } from '../registry/index.ts'
import { op, service } from './define.ts'
import { recorder, scriptedRegistry, start } from './harness.suite.ts'
import { startRegistration } from './registration.ts'

const users = service(
  'users',
  { get: op({ route: 'GET /user/:id', in: z.object({ id: z.string() }), errors: { NotFound: 404 } }, ({ id }) => id) },
  { version: '1.2.3', tags: ['blue'], meta: { team: 'a' } },
)
const KEY = 'skein/contracts/users'
const REGISTER = /register$/
const BEAT = /check\/pass/

/** A registration with a virtual clock and a scripted registry; `random` 0.5 makes each beat 3 s and each retry half its cap. */
function begin(url: string, publish?: (signal: AbortSignal) => Promise<void>) {
  const clock = new VirtualClock()
  const { log, lines } = recorder()
  // Time-outs of single requests are real: nothing here waits for them.
  const consul = new ConsulClient({ address: url })
  const registration = startRegistration({
    ...{ id: 'users-1', name: 'users', address: '127.0.0.1', port: 1, tags: [], meta: {}, weight: 5 },
    ...{ check: { http: '/health/ready' }, publish, consul, clock, random: () => 0.5, log },
  })
  return { clock, lines, consul, registration }
}

/** Moves time until `done`, letting what is under way get on between the moves. */
async function passTime(clock: VirtualClock, stepMs: number, done: () => boolean): Promise<void> {
  while (!done()) {
    clock.advance(stepMs)
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('with the real registry', () => {
  test('an instance is there, passing, with all that others need; its contract is published; and it is gone after close', async () => {
    const registry = await startRegistry({ port: 0 })
    const consul = new ConsulClient({ address: registry.url })
    try {
      const it = await start(users, { registry: registry.url, instance: 'users-1', weight: 3, zone: 'z1' })
      const { body } = await consul.get('/v1/health/service/users?passing=1')
      const [{ Service: entry, Checks: checks }] = body as [
        { Service: Record<string, unknown>; Checks: { CheckID: string }[] },
      ]
      const { contract } = users['~app']
      assert.equal(entry['ID'], 'users-1')
      assert.equal(entry['Port'], it.port)
      assert.deepEqual(entry['Tags'], ['blue'])
      const meta = { team: 'a', skein: '1', contract: contract!.hash, version: '1.2.3', zone: 'z1' }
      // Callers may send up to so many GETs together.
      assert.deepEqual(entry['Meta'], { ...meta, pipelining: '8' })
      assert.deepEqual(entry['Weights'], { Passing: 3, Warning: 1 })
      const ids = checks.map(({ CheckID }) => CheckID)
      assert.deepEqual(ids.filter((id) => id !== 'serfHealth').sort(), [
        'service:users-1:beat',
        'service:users-1:ready',
      ])
      const { since, ...current } = JSON.parse((await consul.kvGet(KEY))!.value)
      assert.deepEqual(current, contract)
      assert.ok(Math.abs(since - Date.now()) < 60_000)
      assert.deepEqual(JSON.parse((await consul.kvGet(`${KEY}/${contract!.hash}`))!.value), contract)
      await it.close()
      assert.deepEqual((await consul.get('/v1/health/service/users')).body, [])
    } finally {
      await consul.close()
      await registry.close()
    }
  })

  test('a contract is written once, however many instances have it', async () => {
    const registry = await startRegistry({ port: 0 })
    const consul = new ConsulClient({ address: registry.url })
    try {
      await using _one = await start(users, { registry: registry.url, instance: 'users-1' })
      const key = `${KEY}/${users['~app'].contract!.hash}`
      const { modifyIndex } = (await consul.kvGet(key))!
      await using _two = await start(users, { registry: registry.url, instance: 'users-2' })
      assert.equal((await consul.kvGet(key))!.modifyIndex, modifyIndex)
    } finally {
      await consul.close()
      await registry.close()
    }
  })
})

describe('with a scripted registry', () => {
  test('it beats every 3 s', async () => {
    await using registry = await scriptedRegistry()
    const { clock, registration, consul } = begin(registry.url)
    await registration.attempted
    assert.equal(await registry.seen(BEAT), 1)
    const beats = () => registry.requests.filter(({ target }) => BEAT.test(target)).length
    clock.advance(2999)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(beats(), 1)
    clock.advance(1)
    assert.equal(await registry.seen(BEAT, 2), 2)
    assert.equal(await registry.seen(REGISTER), 1)
    await registration.deregister()
    await consul.close()
  })

  test('it registers anew, contract included, when the registry no longer knows it', async () => {
    await using registry = await scriptedRegistry()
    let published = 0
    const { clock, registration, consul } = begin(registry.url, async () => void published++)
    await registration.attempted
    let forgotten = true
    registry.answer = (target) => {
      if (REGISTER.test(target)) forgotten = false
      return forgotten ? 404 : 200
    }
    await passTime(clock, 100, () => published === 2)
    assert.equal(await registry.seen(REGISTER), 2)
    await registration.deregister()
    await consul.close()
  })

  test('what cannot be published is told once and tried again; the beat goes on and nothing is registered anew', async () => {
    await using registry = await scriptedRegistry()
    let tries = 0
    const { clock, registration, lines, consul } = begin(registry.url, async () => {
      if (++tries < 4) throw new Error('no such store')
    })
    await registration.attempted
    assert.equal(await registry.seen(BEAT), 1)
    await passTime(clock, 500, () => tries === 4)
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      ['not published; trying on'],
    )
    const beats = await registry.seen(BEAT, 4)
    await passTime(clock, 500, () => registry.requests.length > beats + 2)
    assert.equal(tries, 4)
    assert.equal(await registry.seen(REGISTER), 1)
    await registration.deregister()
    await consul.close()
  })

  test('the end does not wait for a publication that hangs', async () => {
    await using registry = await scriptedRegistry()
    const hangs = (signal: AbortSignal) =>
      new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const { registration, lines, consul } = begin(registry.url, hangs)
    await registry.seen(BEAT)
    await registration.deregister()
    assert.equal(await registry.seen(/deregister/), 1)
    assert.deepEqual(lines, [])
    await consul.close()
  })

  test('while the registry is away it tries on, and logs once for each outage', async () => {
    await using registry = await scriptedRegistry()
    registry.answer = () => 500
    const { clock, registration, lines, consul } = begin(registry.url)
    await registration.attempted
    const tries = () => registry.requests.length
    await passTime(clock, 100, () => tries() >= 6)
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [[40, 'not registered; trying on']],
    )
    registry.answer = () => 200
    await passTime(clock, 100, () => lines.length === 2)
    assert.equal(lines[1]!['msg'], 'registered again: the registry is back')
    registry.answer = () => 0
    await passTime(clock, 100, () => lines.length === 3)
    await registration.deregister()
    await consul.close()
  })

  test('a refusal is told with what the registry said, and tried again', async () => {
    await using registry = await scriptedRegistry()
    registry.answer = () => 403
    const { registration, lines, consul } = begin(registry.url)
    await registration.attempted
    assert.match(JSON.stringify(lines[0]!['err']), /refuses users-1: 403/)
    await registration.deregister()
    await consul.close()
  })

  test('deregistering ends the beat, is done once, and never rejects', async () => {
    await using registry = await scriptedRegistry()
    const { clock, registration, lines, consul } = begin(registry.url)
    await registration.attempted
    await registry.seen(/skein\/lease/)
    registry.answer = () => 500
    await Promise.all([registration.deregister(), registration.deregister()])
    assert.equal(await registry.seen(/deregister/), 1)
    assert.match(String(lines.at(-1)!['msg']), /could not deregister/)
    const before = registry.requests.length
    clock.advance(60_000)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(registry.requests.length, before)
    await consul.close()
  })

  test('a registration under way is finished before it is taken back: else the entry would stay', async () => {
    await using registry = await scriptedRegistry()
    const { registration, consul } = begin(registry.url)
    await registration.deregister()
    const targets = registry.requests.map(({ target }) => target.split('/').slice(3, 5).join('/'))
    assert.deepEqual([targets[0], targets.at(-1)], ['service/register', 'service/deregister'])
    await consul.close()
  })
})
