import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '../../test/support/up.ts'
import { VirtualClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import { SETTINGS } from '../core/settings.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import type { Entry } from '../registry/history/contract.ts'
import { startRegistry } from '../registry/index.ts'
import { service } from './define.ts'
import { scriptedRegistry, start } from './harness.suite.ts'
import { Lease } from './lease.ts'

const INSTANCE = fileURLToPath(new URL('lease-instance.fixture.ts', import.meta.url))

async function ask<T>(url: string): Promise<{ body: T; index: number }> {
  const answer = await fetch(url)
  return { body: (await answer.json()) as T, index: Number(answer.headers.get('x-consul-index')) }
}

const history = (url: string) => ask<Entry[]>(`${url}/v1/skein/history?service=web&kind=status`)

async function leases(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^skein_registry_leases (\d+)$/m.exec(text)?.[1])
}

test('an instance that is killed is out of discovery at once', { timeout: 60_000 }, async (t) => {
  const registry = await startRegistry({ port: 0 })
  const env = { ...process.env, [SETTINGS.registry]: registry.url, [SETTINGS.instance]: 'web-1' }
  const child = spawn(process.execPath, [INSTANCE], { env, stdio: 'ignore' })
  try {
    await eventually('the lease is held', async () => (await leases(registry.url)) === 1)
    const passing = `${registry.url}/v1/health/service/web?passing`
    const { index, body } = await ask<unknown[]>(passing)
    assert.equal(body.length, 1)
    const waiting = ask<unknown[]>(`${passing}&index=${index}`)
    const killed = performance.now()
    child.kill('SIGKILL')
    assert.deepEqual((await waiting).body, [])
    t.diagnostic(`out ${Math.round(performance.now() - killed)} ms after kill -9`)
    // The registry's own look at its port, once a second, may have been faster; but never a TTL of ten.
    const flips = await eventually('the lease is told of', async () => {
      const { body: entries } = await history(registry.url)
      return entries.some(({ Cause }) => Cause === 'lease') && entries
    })
    assert.ok(flips.every(({ Cause }) => Cause !== 'ttl'))
  } finally {
    child.kill('SIGKILL')
    await registry.close()
  }
})

test('a registry that restarts drops nobody, and has its leases again', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-lease-'))
  const storage = { sqlite: path.join(folder, 'registry.db') }
  const first = await startRegistry({ port: 0, storage })
  const instance = await start(service('web', {}), { registry: first.url, instance: 'web-1' })
  try {
    await eventually('the lease is held', async () => (await leases(first.url)) === 1)
    await first.close()
    const second = await startRegistry({ port: first.port, storage })
    try {
      await eventually('the lease is held again', async () => (await leases(second.url)) === 1)
      assert.equal((await ask<unknown[]>(`${second.url}/v1/health/service/web?passing`)).body.length, 1)
      assert.deepEqual((await history(second.url)).body, [])
    } finally {
      await instance.close()
      await second.close()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('an instance that stops in order flips nothing', { timeout: 60_000 }, async () => {
  const registry = await startRegistry({ port: 0 })
  const instance = await start(service('web', {}), { registry: registry.url, instance: 'web-1' })
  await eventually('the lease is held', async () => (await leases(registry.url)) === 1)
  await instance.close()
  await eventually('the lease is gone', async () => (await leases(registry.url)) === 0)
  assert.deepEqual((await history(registry.url)).body, [])
  await registry.close()
})

test('a registry that knows no leases is asked once a registration', async () => {
  await using registry = await scriptedRegistry()
  const consul = new ConsulClient({ address: registry.url, log: silentLogger })
  const lease = new Lease({ instance: 'a', check: 'b', consul, clock: new VirtualClock() })
  const asked = () => registry.requests.filter(({ target }) => target.includes('/v1/skein/lease')).length
  lease.hold()
  await registry.seen(/skein\/lease\?instance=a&check=b/)
  await consul.get('/v1/after') // by now the first answer is there
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  lease.hold()
  await consul.get('/v1/after')
  assert.equal(asked(), 1)
  lease.renew()
  lease.hold()
  await registry.seen(/skein\/lease/, 2)
  lease.end()
  await consul.close()
})
