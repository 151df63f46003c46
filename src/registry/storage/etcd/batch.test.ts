import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decide } from '../../storage.ts'
import { LoggingView, put, removal } from '../write-kit.fixture.ts'
import { takeBatch, type Waiting } from './batch.ts'
import { Keys } from './keys.ts'

const keys = new Keys('/t', () => {})
const NO_SESSIONS = { leaseOf: () => undefined, isRunning: () => false }

function setUp(decisions: readonly Decide[], known: readonly string[] = []) {
  const rejected: string[] = []
  const queue = decisions.map(
    (decide): Waiting => ({ decide, resolve() {}, reject: (error) => rejected.push((error as Error).message) }),
  )
  const view = new LoggingView()
  const has = (key: string) => known.includes(key)
  const take = () =>
    takeBatch(queue, view, 7, { keys, leases: NO_SESSIONS, has, all: () => known }).operations.map((one) =>
      'put' in one ? one.put : `-${one.remove}`,
    )
  return { queue, rejected, view, take }
}

test('writes to different keys go together, those to one key one after the other; the view is as it was', () => {
  const { take, view, queue } = setUp([() => [put('a')], () => [], () => [put('b')], () => [put('a')]])
  assert.deepEqual(take(), ['/t/record/kv/a', '/t/record/kv/b'])
  assert.deepEqual([view.applied, queue.length], [[], 1])
  assert.deepEqual(take(), ['/t/record/kv/a'])
})

test('each decides on the view with those before it', () => {
  const seen: number[] = []
  const look = (key: string) => () => {
    seen.push(view.applied.length)
    return [put(key)]
  }
  const { take, view } = setUp([look('a'), look('b'), look('c')])
  take()
  assert.deepEqual(seen, [0, 1, 2])
})

test('of several changes of one key the last counts; removing what is not there is nothing', () => {
  const { take } = setUp(
    [() => [put('a'), removal('a'), put('b', '1'), removal('c'), removal('d')]],
    ['/t/record/kv/d'],
  )
  assert.deepEqual(take(), ['/t/record/kv/b', '-/t/record/kv/d'])
})

test('a write that the view cannot take is refused alone', () => {
  const { take, rejected, view, queue } = setUp([() => [put('a')], () => [put('bad')], () => [put('c')]])
  const { apply } = view
  view.apply = (changes, index) => {
    if (changes.some(({ key }) => key === 'bad')) throw new Error('no place for it')
    return apply.call(view, changes, index)
  }
  assert.deepEqual(take(), ['/t/record/kv/a', '/t/record/kv/c'])
  assert.deepEqual([rejected, view.applied, queue], [['no place for it'], [], []])
})

test('many removals are ranges: side by side in the order of bytes, nothing else in between', () => {
  const [low, high] = ['\uffee', '\u{1f600}'] // the other way round in UTF-16
  const names = [...Array.from({ length: 1000 }, (_, i) => `k${String(i).padStart(4, '0')}`), low, high, `${high}1`]
  const known = names.map((name) => `/t/record/kv/${name}`)
  const gone = names.filter((name) => !['k0500', 'k0999', high].includes(name))
  const queue: Waiting[] = [{ decide: () => gone.map(removal), resolve() {}, reject: assert.fail }]
  const tools = { keys, leases: NO_SESSIONS, has: (key: string) => known.includes(key), all: () => known.toReversed() }
  const { operations, records } = takeBatch(queue, new LoggingView(), 7, tools)
  const range = (from: string, through: string) => ({
    remove: `/t/record/kv/${from}`,
    through: `/t/record/kv/${through}`,
  })
  assert.deepEqual(operations, [
    range('k0000', 'k0499'),
    range('k0501', 'k0998'),
    range(low, low),
    range(`${high}1`, `${high}1`),
  ])
  assert.equal(records, gone.length)
})

test('a batch has a size; one write that is larger than etcd takes is refused alone', () => {
  const big = (key: string, bytes: number) => () => [put(key, 'x'.repeat(bytes))]
  const { take, rejected } = setUp([big('a', 300_000), big('b', 300_000), big('c', 3_000_000), big('d', 1)])
  assert.deepEqual(take(), ['/t/record/kv/a'])
  assert.deepEqual(take(), ['/t/record/kv/b', '/t/record/kv/d'])
  assert.match(rejected.join(), /1 records in 3000\d\d\d bytes are more than etcd takes at once/)
})
