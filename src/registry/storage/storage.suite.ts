/** What every storage must do; each runs it by one line in storages.test.ts. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { KvBody } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import type { Storage } from '../storage.ts'
import { LoggingView, put, removal } from './write-kit.fixture.ts'

export interface StorageUnderTest {
  open(): Storage | Promise<Storage>
  /** Opens what an earlier one left behind; undefined where nothing is left. */
  reopen: (() => Storage | Promise<Storage>) | undefined
  cleanUp(): void | Promise<void>
}

/** `skip`: why it cannot be tested here, or false. */
export function testStorage(
  name: string,
  create: () => StorageUnderTest | Promise<StorageUnderTest>,
  skip: string | false = false,
): void {
  const storageTest = (
    what: string,
    run: (storage: Storage, view: LoggingView, kit: StorageUnderTest, t: TestContext) => Promise<void>,
  ) =>
    test(`${name}: ${what}`, { skip }, async (t) => {
      const kit = await create()
      const storage = await kit.open()
      const view = new LoggingView()
      await storage.open(view)
      try {
        await run(storage, view, kit, t)
      } finally {
        await storage.close()
        await kit.cleanUp()
      }
    })

  storageTest('a new one is empty and its index is 0', async (_storage, view) => {
    assert.deepEqual([view.loaded, view.loadedIndex], [[], 0])
  })

  storageTest('each write gets a higher index and is published before it resolves', async (storage, view) => {
    for (const [i, key] of ['a', 'b', 'c'].entries()) {
      await storage.write(() => [put(key)])
      assert.equal(view.applied.length, i + 1)
      assert.equal(view.published, view.applied.length)
    }
    assertRising(view)
  })

  storageTest('writes that come together each see those before', async (storage, view) => {
    const writes = [0, 1, 2, 3].map(() => storage.write(() => [put('k', String(view.applied.length))]))
    await Promise.all(writes)
    const values = view.applied.flatMap(({ changes }) => changes).map(({ body }) => (body as KvBody).Value)
    assert.deepEqual(values, ['0', '1', '2', '3'])
    assertRising(view)
  })

  storageTest('a write without changes uses no index', async (storage, view) => {
    await storage.write(() => [])
    assert.deepEqual([view.applied, view.published], [[], 0])
    await storage.write(() => [put('a')])
    assert.equal(view.applied.length, 1)
  })

  storageTest('a decision that throws fails alone', async (storage, view) => {
    const refuse = () => {
      throw new Refusal(400, 'no')
    }
    const outcomes = await Promise.allSettled([
      storage.write(() => [put('a')]),
      storage.write(refuse),
      storage.write(() => [put('b')]),
    ])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.ok(outcomes[1]?.status === 'rejected' && outcomes[1].reason instanceof Refusal)
    const written = view.applied.flatMap(({ changes }) => changes).map(({ key }) => key)
    assert.deepEqual(written, ['a', 'b'])
  })

  storageTest('after close writes fail, close may be repeated', async (storage) => {
    await storage.close()
    await storage.close()
    await assert.rejects(
      storage.write(() => [put('a')]),
      { code: 'STORAGE_FAILED' },
    )
  })

  storageTest('close waits for writes under way', async (storage, view) => {
    const written = storage.write(() => [put('a')])
    await storage.close()
    await written
    assert.equal(view.published, 1)
  })

  testReopening(storageTest)
}

function assertRising({ applied }: LoggingView): void {
  for (const [i, { index }] of applied.entries()) assert.ok(index > (applied[i - 1]?.index ?? 0), `index ${index}`)
}

type StorageTest = (
  what: string,
  run: (storage: Storage, view: LoggingView, kit: StorageUnderTest, t: TestContext) => Promise<void>,
) => void

function testReopening(storageTest: StorageTest): void {
  storageTest(
    'what was written is there again, with the indexes of creation and change',
    async (storage, before, kit) => {
      if (kit.reopen === undefined) return
      await storage.write(() => [put('kept', '1'), put('gone')])
      await storage.write(() => [removal('gone')])
      await storage.write(() => [put('kept', '2'), put('ü\u{1f600}"\\', 'x')])
      await storage.write(() => [put('last')])
      await storage.write(() => [removal('last')])
      const [first, , second, , last] = before.applied.map(({ index }) => index)
      await storage.close()
      const view = new LoggingView()
      const again = await kit.reopen()
      await again.open(view)
      await again.write(() => [put('more')])
      await again.close()
      const loaded = view.loaded.map(({ key, CreateIndex, ModifyIndex }) => [key, CreateIndex, ModifyIndex])
      assert.deepEqual(loaded.sort(), [
        ['kept', first, second],
        ['ü\u{1f600}"\\', second, second],
      ])
      assert.equal(view.loadedIndex, last, 'the index of a removal counts too')
      assert.ok(view.applied[0]!.index > last!)
    },
  )
}
