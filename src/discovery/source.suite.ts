/** What every source must do. An implementation joins with one call. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Instance, Source } from './contract.ts'
import { ids, instance, until } from './kit.suite.ts'

export interface SourceUnderTest {
  readonly source: Source
  set(instances: readonly Instance[]): void
  close(): Promise<void>
}

export function sourceSuite(name: string, start: (instances: readonly Instance[]) => Promise<SourceUnderTest>): void {
  const check = (
    what: string,
    run: (subject: SourceUnderTest) => Promise<void>,
    instances = [instance('u2'), instance('u1')],
  ) =>
    test(`${name}: ${what}`, async () => {
      const subject = await start(instances)
      try {
        await run(subject)
      } finally {
        await subject.close()
      }
    })

  check('the first snapshot has the instances, sorted by id', async ({ source }) => {
    const snapshot = await source.watch('users').ready()
    assert.deepEqual(ids(snapshot), ['u1', 'u2'])
    assert.equal(snapshot.service, 'users')
    assert.equal(snapshot.stale, false)
    assert.deepEqual(snapshot.instances[0], instance('u1'))
  })

  check(
    'a service without instances has an empty snapshot',
    async ({ source }) => {
      assert.deepEqual(ids(await source.watch('users').ready()), [])
    },
    [],
  )

  check('watching twice shares one watch', async ({ source }) => {
    assert.equal(source.watch('users'), source.watch('users'))
    assert.notEqual(source.watch('users'), source.watch('orders'))
  })

  check(
    'a change comes as a new snapshot; instances that are the same are the same objects',
    async ({ source, set }) => {
      const watch = source.watch('users')
      const before = await watch.ready()
      set([instance('u1'), instance('u2', { status: 'critical' }), instance('u3')])
      const after = await until(watch, ({ instances }) => instances.length === 3)
      assert.equal(after.instances[0], before.instances[0])
      assert.equal(after.instances[1]?.status, 'critical')
      assert.deepEqual(ids(before), ['u1', 'u2'])
      assert.equal(watch.current(), after)
    },
  )

  check('the same content is the same object and no event', async ({ source, set }) => {
    const watch = source.watch('users')
    const before = await watch.ready()
    const seen: number[] = []
    watch.subscribe(({ instances }) => seen.push(instances.length))
    set([instance('u2'), instance('u1')])
    set([instance('u1'), instance('u2'), instance('u3')])
    await until(watch, ({ instances }) => instances.length === 3)
    assert.deepEqual(seen, [3])
    assert.equal(ids(before).length, 2)
  })

  check('an unsubscribed listener hears nothing more; the others do', async ({ source, set }) => {
    const watch = source.watch('users')
    await watch.ready()
    watch.subscribe(() => assert.fail('heard'))()
    set([instance('u1')])
    await until(watch, ({ instances }) => instances.length === 1)
  })

  check('snapshots cannot be changed', async ({ source }) => {
    const { instances } = await source.watch('users').ready()
    assert.throws(() => (instances as Instance[]).pop(), TypeError)
  })

  check('closing twice is fine', async ({ source }) => {
    await source.watch('users').ready()
    await source.close()
    await source.close()
  })
}
