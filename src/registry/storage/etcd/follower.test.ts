import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EtcdEvent, KeyValue } from './contract.ts'
import { Follower } from './follower.ts'
import { encodeLastWrite, Keys, NO_PAST } from './keys.ts'

const keys = new Keys('/t', () => {})
const body = (key: string) => JSON.stringify({ Key: key, Value: '', Flags: '0', LockIndex: 0 })
const kv = (name: string, revision: number, created = revision): KeyValue => ({
  key: keys.record('kv', name),
  value: body(name),
  createRevision: created,
  modRevision: revision,
})
const mark = (revision: number, after: number, count: number): KeyValue => ({
  key: keys.lastWrite,
  value: encodeLastWrite(after, count, `w:${revision}`, NO_PAST),
  createRevision: 2,
  modRevision: revision,
})
const put = (found: KeyValue): EtcdEvent => ({ ...found, removed: false })
const removal = (name: string, revision: number): EtcdEvent => ({ ...kv(name, revision), value: '', removed: true })
const listing = (revision: number, ...found: KeyValue[]) => ({ revision, cluster: 'c', found })

function started() {
  const follower = new Follower(keys)
  follower.start(listing(7, mark(5, 4, 1), kv('a', 5, 3)))
  return follower
}
const write = (revision: number, after: number, ...events: EtcdEvent[]) => ({
  revision,
  events: [put(mark(revision, after, events.length)), ...events],
})

test('the first listing: index of the last write, indexes of each record', () => {
  const { records, index } = new Follower(keys).start(listing(7, mark(5, 4, 1), kv('a', 5, 3)))
  assert.equal(index, 5)
  assert.deepEqual(
    records.map(({ key, CreateIndex, ModifyIndex }) => [key, CreateIndex, ModifyIndex]),
    [['a', 3, 5]],
  )
})

test('writes are steps, one a revision, in order; repeated and old ones are none', () => {
  const follower = started()
  const heard = follower.hear({
    revision: 9,
    events: [...write(8, 5, put(kv('b', 8))).events, ...write(9, 8, removal('a', 9)).events],
  })
  assert.deepEqual(
    heard.steps.map(({ index, changes }) => [index, changes.map(({ key, body }) => [key, body === null])]),
    [
      [8, [['b', false]]],
      [9, [['a', true]]],
    ],
  )
  assert.deepEqual(follower.hear({ ...write(9, 8, removal('a', 9)) }), { steps: [], others: [] })
  assert.deepEqual(follower.hear({ ...write(4, 3, put(kv('a', 4))), revision: 9 }), { steps: [], others: [] })
})

for (const [name, message, why] of [
  ['a write before it is missing', write(9, 8, put(kv('b', 9))), /8, is missing/],
  ['a record of it is missing', { revision: 8, events: [put(mark(8, 5, 2)), put(kv('b', 8))] }, /in part/],
  ['its mark is missing', { revision: 8, events: [put(kv('b', 8))] }, /not written by a registry/],
  ['it comes from an earlier time', write(6, 5, put(kv('b', 6))), /revision 6 after 7/],
] as const) {
  test(`a gap: ${name}`, () => {
    const { steps, gap } = started().hear(message)
    assert.deepEqual(steps, [])
    assert.match(gap ?? '', why)
  })
}

test('a later listing gives the differences: removals first, children before parents, then the other way round', () => {
  const follower = new Follower(keys)
  const record = (kind: 'node' | 'service' | 'check', revision: number) => ({
    ...kv('x', revision),
    key: keys.record(kind, 'x'),
  })
  follower.start(listing(7, mark(5, 4, 3), record('node', 5), record('service', 5), record('check', 5), kv('same', 4)))
  const listed = follower.list(listing(9, mark(9, 5, 3), kv('new', 9), kv('same', 4)))
  assert.deepEqual(
    listed?.changes.map(({ kind, body }) => [kind, body === null]),
    [
      ['check', true],
      ['service', true],
      ['node', true],
      ['kv', false],
    ],
  )
  assert.deepEqual([listed?.index, listed?.rewound, listed?.unexplained], [9, false, false])
})

test('a later listing without a write since says nothing; differences without a write are named', () => {
  assert.equal(started().list(listing(20, mark(5, 4, 1), kv('a', 5, 3))), undefined)
  const listed = started().list(listing(20, mark(5, 4, 1)))
  assert.deepEqual([listed?.unexplained, listed?.index], [true, 20])
})

test('a listing from an earlier time replaces everything', () => {
  const listed = started().list(listing(4, mark(4, 3, 1), kv('a', 4, 3)))
  assert.deepEqual([listed?.rewound, listed?.index, listed?.changes.length], [true, 4, 1])
})

test('keys of others, and a record that is damaged, stop nothing', () => {
  const damaged: string[] = []
  const follower = new Follower(new Keys('/t', (key) => damaged.push(key)))
  const { records } = follower.start(listing(7, { ...kv('bad', 5), value: '{' }, kv('a', 5), mark(5, 4, 1)))
  assert.deepEqual([records.length, damaged], [1, ['/t/record/kv/bad']])
  const beat = put({ key: '/t/beat/n', value: '[]', createRevision: 8, modRevision: 8 })
  assert.deepEqual(follower.hear({ revision: 8, events: [beat] }), { steps: [], others: [beat] })
})
