/** A watch that begins with what a process before it left in a snapshot file. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConsulClient } from '../consul-client.ts'
import { readKeptInstances, saveInstances } from '../kept-instances.ts'
import { ids, instance, startScriptedRegistry, until, WatchedClock } from '../kit.suite.ts'
import { SnapshotFolder } from '../snapshot-folder.ts'
import { consulSource } from './consul.ts'

const KEPT_INDEX = 10
const AGE_MS = 60_000

/** A registry with u9 at the given index, and a file that says u1 and u2, a minute old. */
async function scene(t: TestContext, { listed = [instance('u9')], index = KEPT_INDEX + 1 } = {}) {
  const snapshots = mkdtempSync(path.join(tmpdir(), 'skein-snapshots-'))
  const clock = new WatchedClock()
  const before = new SnapshotFolder({ folder: snapshots, clock })
  const savedAt = clock.now()
  saveInstances(before, 'users', [instance('u1'), instance('u2')], KEPT_INDEX)
  await before.flush()
  clock.advance(AGE_MS)
  const registry = await startScriptedRegistry(listed, index)
  const client = new ConsulClient({ address: registry.url, clock, snapshots })
  const source = consulSource({ client, clock, random: () => 0.999 })
  t.after(async () => {
    await source.close()
    await client.close()
    await registry.down()
    rmSync(snapshots, { recursive: true })
  })
  const kept = async () => {
    await client.snapshots!.flush()
    return readKeptInstances(before, 'users')
  }
  return { registry, source, clock, savedAt, kept }
}

test('while the registry refuses, the file is what is known, at once: stale, with its date', async (t) => {
  const { registry, source, clock, savedAt } = await scene(t)
  await registry.down()
  const watch = source.watch('users')
  const first = await watch.ready()
  assert.deepEqual([ids(first), first.stale, first.confirmedAt], [['u1', 'u2'], true, savedAt])
  await registry.up()
  await clock.timer(250)
  clock.advance(250)
  const fresh = await until(watch, ({ stale }) => !stale)
  assert.deepEqual([ids(fresh), fresh.confirmedAt], [['u9'], undefined])
})

for (const mode of ['error', 'garbage', 'half'] as const) {
  test(`while the registry answers ${mode}, the file is what is known`, async (t) => {
    const { registry, source } = await scene(t)
    registry.behave(mode)
    assert.deepEqual(ids(await source.watch('users').ready()), ['u1', 'u2'])
  })
}

test('a registry that hangs is waited for a second', async (t) => {
  const { registry, source, clock } = await scene(t)
  registry.behave('hang')
  const watch = source.watch('users')
  await registry.requests(1)
  clock.advance(999)
  assert.equal(watch.current(), undefined)
  clock.advance(1)
  assert.deepEqual(ids(await watch.ready()), ['u1', 'u2'])
})

test('a registry that remembers the past is believed, also when it says that there is none', async (t) => {
  const { source } = await scene(t)
  assert.deepEqual(ids(await source.watch('users').ready()), ['u9'])
  const { source: other } = await scene(t, { listed: [] })
  const none = await other.watch('users').ready()
  assert.deepEqual([ids(none), none.stale], [[], false])
})

test('what a registry that has lost its past does not know is held, until it must have registered again', async (t) => {
  const { registry, source, clock, savedAt, kept } = await scene(t, { listed: [], index: 1 })
  const watch = source.watch('users')
  const first = await watch.ready()
  assert.deepEqual([ids(first), first.stale, first.confirmedAt], [['u1', 'u2'], true, savedAt])
  await registry.requests(2)
  registry.set([instance('u2')], 2)
  await registry.requests(3)
  assert.deepEqual(ids(watch.current()), ['u1', 'u2'])
  assert.deepEqual((await kept())?.index, KEPT_INDEX, 'what is doubted is not kept')
  clock.advance(15_000)
  assert.deepEqual(ids(watch.current()), ['u2'])
})

test('what the registry confirms is kept, an empty set is not', async (t) => {
  const { registry, source, kept, clock } = await scene(t)
  await source.watch('users').ready()
  await registry.requests(2)
  const first = await kept()
  assert.deepEqual([first?.instances, first?.index, first?.confirmedAt], [[instance('u9')], 11, clock.now()])
  registry.set([])
  await registry.requests(3)
  assert.deepEqual(await kept(), first)
})
