import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { withRegistry } from '../../../test/support/running-registry.ts'
import { createCaller } from '../../client/caller.ts'
import { systemClock } from '../../core/clock.ts'
import { freePort } from '../../core/free-port.ts'
import { ConfigError } from '../../core/issues.ts'
import { createLogger, silentLogger } from '../../core/log.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { staticSource } from '../../discovery/source/static.ts'
import type { RunningGateway } from '../../gateway/index.ts'
import { startRegistry } from '../../registry/index.ts'
import { Metrics } from '../../telemetry/metrics.ts'
import { Failure } from '../command.ts'
import { followConfig } from './follow.ts'
import { type ConfigSource, fileSource, kvSource } from './sources.ts'

/** A log whose messages can be read and waited for. */
function readableLog() {
  const messages: string[] = []
  let wake = () => {}
  const log = createLogger({}, 'info', {
    write(text) {
      messages.push(JSON.parse(text).msg)
      wake()
    },
  })
  const said = async (pattern: RegExp) => {
    while (!messages.some((message) => pattern.test(message))) await new Promise<void>((resolve) => (wake = resolve))
  }
  return { log, messages, said }
}

describe('a config in the registry', { timeout: 120_000 }, () => {
  const key = 'skein/gateway/test'
  let consul: ConsulClient
  withRegistry((client) => {
    consul = client
  })

  test('with a token that is not known yet it is waited for, calmly, and comes when the token does', async () => {
    const master = '11111111-1111-1111-1111-111111111111'
    const SecretID = '22222222-2222-2222-2222-222222222222'
    const closed = await startRegistry({ port: 0, acl: { initialManagement: master } })
    const operator = new ConsulClient({ address: closed.url, token: master })
    const client = new ConsulClient({ address: closed.url, token: SecretID })
    const stop = new AbortController()
    try {
      await operator.kvPut(key, '{"a":1}')
      const { log, messages, said } = readableLog()
      const values = kvSource({ consul: client, key, log, clock: systemClock, random: () => 0.5 })(stop.signal)
      const first = values.next()
      await said(/the registry is away; it is asked for the config until it answers/)
      await operator.put('/v1/acl/token', { SecretID, Policies: [{ Name: 'builtin/global-read-only' }] })
      assert.deepEqual((await first).value, { a: 1 })
      assert.deepEqual(messages, [
        'the registry is away; it is asked for the config until it answers',
        'the registry answers again',
      ])
    } finally {
      stop.abort()
      await client.close()
      await operator.close()
      await closed.close()
    }
  })

  test('comes when it is put, with every change, and not for what is no change', async () => {
    const stop = new AbortController()
    const { log, said } = readableLog()
    const values = kvSource({ consul, key, log, clock: systemClock, random: () => 0 })(stop.signal)
    const first = values.next()
    await said(/no config under this key/)
    await consul.kvPut(key, '{"a":1}')
    assert.deepEqual((await first).value, { a: 1 })
    const second = values.next()
    await consul.kvPut(key, '{"a":1}')
    await consul.kvPut('skein/gateway/other', '{"a":3}')
    await consul.kvPut(key, '{"a":2}')
    assert.deepEqual((await second).value, { a: 2 })
    const third = values.next()
    await consul.kvPut(key, 'no json')
    assert.deepEqual(await third, { done: false, value: undefined })
    const fourth = values.next()
    await consul.kvPut(key, `{"routes":${'['.repeat(200_000)}${']'.repeat(200_000)}}`)
    assert.deepEqual(await fourth, { done: false, value: undefined }, 'nested more than whoever walks it could bear')
    const last = values.next()
    stop.abort()
    assert.equal((await last).done, true)
  })

  test('comes from a key that is no path as it stands', async () => {
    const odd = 'skein/gateway/50% off? #1'
    await consul.kvPut(odd, '{"a":1}')
    const stop = new AbortController()
    const values = kvSource({ consul, key: odd, log: silentLogger, clock: systemClock, random: () => 0 })(stop.signal)
    assert.deepEqual(await values.next(), { done: false, value: { a: 1 } })
    stop.abort()
    await values.return()
  })

  test('comes also when the registry was away', async () => {
    const port = await freePort()
    const client = new ConsulClient({ address: `http://127.0.0.1:${port}` })
    const stop = new AbortController()
    const { log, said } = readableLog()
    const values = kvSource({ consul: client, key, log, clock: systemClock, random: () => 0.5 })(stop.signal)
    const first = values.next()
    await said(/the registry is away/)
    const back = await startRegistry({ port })
    await client.kvPut(key, '{"b":1}')
    assert.deepEqual((await first).value, { b: 1 })
    stop.abort()
    await client.close()
    await back.close()
  })

  test('comes from a snapshot file while the registry is away, and then from the registry', async (t) => {
    const snapshots = mkdtempSync(path.join(tmpdir(), 'skein-gateway-'))
    t.after(() => rmSync(snapshots, { recursive: true }))
    const port = await freePort()
    const address = `http://127.0.0.1:${port}`
    const first = async (then: (values: AsyncGenerator<unknown, void>, client: ConsulClient) => Promise<void>) => {
      const client = new ConsulClient({ address, snapshots })
      const stop = new AbortController()
      const options = { consul: client, key, log: silentLogger, clock: systemClock, random: () => 0.1 }
      const values = kvSource(options)(stop.signal)
      await then(values, client)
      stop.abort()
      await values.return()
      await client.close()
    }
    const registryOnPort = await startRegistry({ port })
    await first(async (values, client) => {
      await client.kvPut(key, '{"a":1}')
      assert.deepEqual((await values.next()).value, { a: 1 })
      const wrong = values.next()
      await client.kvPut(key, '{"a":')
      assert.equal((await wrong).value, undefined)
    })
    await registryOnPort.close()
    await first(async (values, client) => {
      assert.deepEqual((await values.next()).value, { a: 1 })
      const next = values.next()
      const back = await startRegistry({ port })
      await client.kvPut(key, '{"a":2}')
      assert.deepEqual((await next).value, { a: 2 })
      await back.close()
    })
  })
})

test('a config in a file comes again when it is asked for, and mistakes are logged', { timeout: 60_000 }, async () => {
  const { log, said } = readableLog()
  const stop = new AbortController()
  let reload = () => {}
  const readings: (() => unknown)[] = [() => 1, () => 2]
  const mistake = new ConfigError([{ file: 'f', key: 'k', message: 'wrong', fix: 'Mend it.' }])
  readings.push(
    () => Promise.reject(mistake),
    () => Promise.reject(new Failure('there is no config at edge', 'It was looked for at /edge.')),
    () => 3,
  )
  const read = async () => readings.shift()!()
  const values = fileSource(read, (run) => (reload = run), log)(stop.signal)
  assert.equal((await values.next()).value, 1)
  const second = values.next()
  reload()
  assert.equal((await second).value, 2)
  const third = values.next()
  reload()
  await said(/refused; the last one goes on\nf: k: wrong\. Mend it\./)
  reload()
  await said(/refused; the last one goes on\nthere is no config at edge/)
  reload()
  assert.equal((await third).value, 3)
  const last = values.next()
  stop.abort()
  assert.equal((await last).done, true)
})

test('the first reading of a file may throw', async () => {
  const values = fileSource(
    () => Promise.reject(new Error('gone')),
    () => {},
    silentLogger,
  )(new AbortController().signal)
  await assert.rejects(values.next(), /gone/)
})

test('a gateway begins with the first good config, is reloaded, and keeps the last good one', {
  timeout: 60_000,
}, async () => {
  const caller = createCaller({ source: staticSource([]), metrics: new Metrics() })
  const { log, messages } = readableLog()
  let gateway: RunningGateway | undefined
  const routes = async () => {
    const answer = await fetch(`http://127.0.0.1:${gateway!.adminPort}/routes`)
    return ((await answer.json()) as { to: string }[]).map(({ to }) => to)
  }
  const source: ConfigSource = async function* values() {
    yield { routes: [] }
    yield undefined
    assert.equal(gateway, undefined, 'no good config yet')
    yield { port: 1, routes: [{ to: 'a' }] }
    assert.deepEqual(await routes(), ['a'])
    yield { port: 1, routes: [{ to: 'b' }] }
    assert.deepEqual(await routes(), ['b'])
    yield { routes: [{ to: 'c', pth: '/x' }] }
    yield { port: 1, host: '0.0.0.0', routes: [{ to: 'd' }] }
    assert.deepEqual(await routes(), ['b'])
  }
  await followConfig({
    ...{ source, name: 'test', caller, log, adminPort: 0, port: 0, signal: new AbortController().signal },
    ready: (running) => {
      gateway = running
    },
  })
  assert.equal(messages.filter((message) => message.startsWith('this config is refused')).length, 4)
  await assert.rejects(routes(), 'it has closed with its source')
  await caller.close()
})
