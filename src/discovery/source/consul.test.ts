import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { HOLD_MS } from '../belief.ts'
import { ConsulClient } from '../consul-client.ts'
import type { Instance, Watch } from '../contract.ts'
import { ids, instance, type ScriptedRegistry, startScriptedRegistry, until, WatchedClock } from '../kit.suite.ts'
import { consulSource } from './consul.ts'

const THREE = [instance('u1'), instance('u2'), instance('u3')]

interface Setting {
  readonly registry: ScriptedRegistry
  readonly watch: Watch
  readonly clock: WatchedClock
}

/** A watch on a scripted registry; random is always near 1, so that pauses are as long as they get. */
function scenario(what: string, run: (setting: Setting) => Promise<void>, instances: readonly Instance[] = THREE) {
  test(what, async () => {
    const clock = new WatchedClock()
    const registry = await startScriptedRegistry(instances)
    const client = new ConsulClient({ address: registry.url, clock })
    const source = consulSource({ client, clock, random: () => 0.999 })
    try {
      await run({ registry, watch: source.watch('users'), clock })
    } finally {
      await source.close()
      await client.close()
      await registry.down()
    }
  })
}

scenario('the first question is not held back, the next waits for a greater index', async ({ registry, watch }) => {
  await watch.ready()
  await registry.requests(2)
  assert.deepEqual(registry.asked, [0, 10])
})

scenario(
  'registry down: the last set stays, stale; when it is back the watch is fresh again',
  async ({ registry, watch, clock }) => {
    const before = await watch.ready()
    await registry.down()
    const stale = await until(watch, (snapshot) => snapshot.stale)
    assert.equal(stale.instances, before.instances)
    await registry.up()
    clock.advance(250)
    const fresh = await until(watch, (snapshot) => !snapshot.stale)
    assert.equal(fresh.instances, before.instances)
  },
)

for (const mode of ['error', 'garbage', 'half'] as const) {
  scenario(`registry answers ${mode}: the last set stays, and the pauses grow`, async ({ registry, watch, clock }) => {
    const before = await watch.ready()
    await registry.requests(2)
    registry.behave(mode)
    const stale = await until(watch, (snapshot) => snapshot.stale)
    assert.equal(stale.instances, before.instances)
    for (const [i, pause] of [250, 500, 1000, 2000, 4000, 8000, 9000].entries()) {
      await clock.timer(pause)
      const asked = registry.asked.length
      clock.advance(pause * 0.99)
      await turn()
      assert.equal(registry.asked.length, asked, `try ${i} came early`)
      clock.advance(pause * 0.01)
      await registry.requests(asked + 1)
    }
    assert.equal(watch.current(), stale)
    registry.behave('well')
    await clock.timer(9000)
    clock.advance(9000)
    assert.equal((await until(watch, (snapshot) => !snapshot.stale)).instances, before.instances)
  })
}

scenario('a registry that hangs is given up after its wait and a little', async ({ registry, watch, clock }) => {
  await watch.ready()
  await registry.requests(2)
  registry.behave('hang')
  await until(watch, (snapshot) => snapshot.stale)
  clock.advance(250)
  await registry.requests(3)
  const asked = registry.asked.length
  clock.advance((30_000 * 17) / 16 + 5_000)
  await clock.timer(500)
  registry.behave('well')
  clock.advance(5_000)
  await until(watch, (snapshot) => !snapshot.stale)
  assert.ok(registry.asked.length > asked)
})

scenario('an empty answer is not believed, however many there were', async ({ registry, watch }) => {
  await watch.ready()
  registry.set([])
  const doubted = await until(watch, (snapshot) => snapshot.stale)
  assert.deepEqual(ids(doubted), ['u1', 'u2', 'u3'])
  registry.set([instance('u1'), instance('u2'), instance('u3')])
  assert.deepEqual(ids(await until(watch, (snapshot) => !snapshot.stale)), ['u1', 'u2', 'u3'])
})

scenario('shrinking step by step is believed at once, down to the last', async ({ registry, watch }) => {
  await watch.ready()
  for (const left of [2, 1]) {
    registry.set(THREE.slice(0, left))
    const { stale } = await until(watch, ({ instances }) => instances.length === left)
    assert.equal(stale, false)
  }
  registry.set([])
  assert.deepEqual(ids(await until(watch, (snapshot) => snapshot.stale)), ['u1'])
})

scenario(
  'a wiped registry that fills up again: nobody is dropped before the time to register is over',
  async ({ registry, watch, clock }) => {
    await registry.requests(2)
    registry.set([], 1)
    await registry.requests(4)
    assert.deepEqual(ids(watch.current()), ['u1', 'u2', 'u3'])
    clock.advance(0.5) // a timer for the rest of the time runs half a millisecond early
    registry.set([instance('u2')], 2)
    await registry.requests(5)
    assert.deepEqual(ids(watch.current()), ['u1', 'u2', 'u3'])
    registry.set([instance('u2'), instance('u3')], 3)
    await registry.requests(6)
    assert.deepEqual(ids(watch.current()), ['u1', 'u2', 'u3'])
    clock.advance(HOLD_MS)
    assert.deepEqual(ids(watch.current()), ['u2', 'u3'])
    assert.equal(watch.current()?.stale, false)
  },
)

scenario('an index that goes back is asked from 0 again, at once', async ({ registry, watch }) => {
  await watch.ready()
  await registry.requests(2)
  registry.set([instance('u1'), instance('u4')], 3)
  await registry.requests(4)
  assert.deepEqual(registry.asked, [0, 10, 0, 3])
  assert.deepEqual(ids(watch.current()), ['u1', 'u2', 'u3', 'u4'])
})

scenario('a missing index counts as 1 and cannot make a busy loop', async ({ registry, watch, clock }) => {
  registry.behave('no-index')
  await watch.ready()
  await registry.requests(20)
  await clock.timer(500)
  assert.equal(registry.asked.length, 20)
  assert.deepEqual(new Set(registry.asked.slice(1)), new Set([1]))
  registry.set([instance('u9')])
  clock.advance(500)
  assert.deepEqual(ids(await until(watch, ({ instances }) => ids({ ...watch.current()!, instances }).includes('u9'))), [
    'u9',
  ])
})

scenario(
  'a server that does not block is asked in a burst and then twice a second',
  async ({ registry, watch, clock }) => {
    registry.behave('no-blocking')
    await watch.ready()
    for (let expected = 20; expected < 24; expected++) {
      await registry.requests(expected)
      await clock.timer(500)
      assert.equal(registry.asked.length, expected)
      clock.advance(500)
    }
  },
)

test('ready before the registry has spoken rejects with the reason of the signal', async () => {
  const registry = await startScriptedRegistry()
  registry.behave('hang')
  const client = new ConsulClient({ address: registry.url })
  const source = consulSource({ client })
  const stop = new AbortController()
  const ready = source.watch('users').ready(stop.signal)
  stop.abort(new Error('no time'))
  await assert.rejects(ready, /no time/)
  await source.close()
  await client.close()
  await registry.down()
})
