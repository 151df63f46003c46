/**
 * Calls go on whatever becomes of the registry: a minute of each of its ways to fail, under load, with one instance killed
 * meanwhile. The registry's time is virtual, the calls are real.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import type { Instance } from '../discovery/contract.ts'
import { ids, type ScriptedRegistry, startScriptedRegistry } from '../discovery/kit.suite.ts'
import { consulSource } from '../discovery/source/consul.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { createCaller } from './caller.ts'
import { eventually, get, ok, startInstance, text } from './kit.suite.ts'

interface Failing {
  readonly registry: ScriptedRegistry
  readonly all: readonly Instance[]
}

/** What happens to the registry, and how it is well again; it then lists those that live. */
interface Way {
  fail(failing: Failing): Promise<void> | void
  recover?(failing: Failing): Promise<void> | void
}

const behaving = (mode: Parameters<ScriptedRegistry['behave']>[0]): Way => ({
  fail: ({ registry }) => registry.behave(mode),
  recover: ({ registry }) => registry.behave('well'),
})

const WAYS: Readonly<Record<string, Way>> = {
  'is down': { fail: ({ registry }) => registry.down(), recover: ({ registry }) => registry.up() },
  'answers 500': behaving('error'),
  'answers garbage': behaving('garbage'),
  'breaks off in the middle': behaving('half'),
  hangs: behaving('hang'),
  'answers []': behaving('empty'),
  'answers no index': behaving('no-index'),
  'does not block': behaving('no-blocking'),
  'has an index that went back': { fail: ({ registry, all }) => registry.set(all.slice(0, 1), 3) },
  'was wiped': { fail: ({ registry }) => registry.set([], 1) },
  'comes back empty': {
    async fail({ registry }) {
      await registry.down()
      registry.set([], 1)
      await registry.up()
    },
  },
}

/** Eight callers that call as fast as they are answered. */
function callers(call: () => Promise<unknown>) {
  const failures: unknown[] = []
  let going = true
  let made = 0
  const worker = async () => {
    for (; going; made++) await call().catch((error) => failures.push(error))
  }
  const workers = Promise.all(Array.from({ length: 8 }, worker))
  const more = (count: number) => {
    const target = made + count
    return eventually(() => made >= target)
  }
  const stop = () => {
    going = false
    return workers
  }
  return { failures, more, stop }
}

async function scene(t: TestContext) {
  const live = await Promise.all(['u1', 'u2', 'u3'].map((id) => startInstance(id, ok)))
  const all = live.map(({ instance }) => instance)
  const registry = await startScriptedRegistry(all)
  const snapshots = mkdtempSync(path.join(tmpdir(), 'skein-stability-'))
  const clock = new VirtualClock()
  const begin = () => {
    const consul = new ConsulClient({ address: registry.url, clock, snapshots })
    const source = consulSource({ client: consul, clock })
    const metrics = new Metrics()
    const caller = createCaller({ source, metrics })
    const close = async () => {
      await caller.close()
      await source.close()
      await consul.close()
    }
    return { caller, metrics, close, watch: source.watch('users') }
  }
  t.after(async () => {
    await Promise.all(live.filter(({ server }) => server.listening).map(({ kill }) => kill()))
    await registry.down()
    rmSync(snapshots, { recursive: true })
  })
  /** Time for the registry's clients, with real turns between, so that what they begin comes to something. */
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds * 2; i++) {
      clock.advance(500)
      await new Promise(setImmediate)
    }
  }
  return { live, all, registry, begin, pass }
}

for (const [what, way] of Object.entries(WAYS)) {
  test(`a registry that ${what} for a minute, and an instance killed meanwhile: no failed call`, async (t) => {
    const { live, all, registry, begin, pass } = await scene(t)
    const { caller, close, watch } = begin()
    const load = callers(async () => text((await caller.request(get())).body))
    try {
      await load.more(100)
      await way.fail({ registry, all })
      await pass(20)
      await live[2]!.kill()
      await load.more(100)
      await pass(40)
      await load.more(100)
      await way.recover?.({ registry, all })
      registry.set(all.slice(0, 2), 50)
      await eventually(async () => {
        await pass(1)
        return watch.current()?.stale === false && watch.current()?.instances.length === 2
      })
      await load.more(100)
    } finally {
      await load.stop()
      await close()
    }
    assert.deepEqual(load.failures, [])
    assert.deepEqual(ids(watch.current()), ['u1', 'u2'])
  })
}

for (const what of ['is down', 'answers 500', 'answers garbage', 'hangs', 'was wiped', 'comes back empty']) {
  test(`a process that starts while the registry ${what} calls by what one before it knew`, async (t) => {
    const { registry, all, live, begin, pass } = await scene(t)
    const before = begin()
    await text((await before.caller.request(get())).body)
    await before.close()
    await WAYS[what]!.fail({ registry, all })
    await live[0]!.kill()
    const { caller, metrics, close } = begin()
    try {
      const calling = Array.from({ length: 30 }, async () => text((await caller.request(get())).body))
      await registry.requests(1)
      await pass(2)
      assert.deepEqual(new Set(await Promise.all(calling)), new Set(['ok']))
      const states = await caller.inspect('users')
      assert.ok(states.every(({ confirmedAt }) => confirmedAt !== undefined))
      const [, seconds] = /confirmed_timestamp_seconds\{service="users"\} (\S+)/.exec(metrics.toText()) ?? []
      assert.equal(Number(seconds), states[0]!.confirmedAt! / 1000)
    } finally {
      await close()
    }
  })
}
