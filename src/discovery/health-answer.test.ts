import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readInstances } from './health-answer.ts'
import { entryOf, instance } from './kit.suite.ts'

const read = (changes: { node?: object; service?: object; checks?: unknown }) => {
  const entry = entryOf(instance('u1'))
  return readInstances('users', [
    {
      Node: { ...entry.Node, ...changes.node },
      Service: { ...entry.Service, ...changes.service },
      Checks: changes.checks === undefined ? entry.Checks : changes.checks,
    },
  ])
}

test('an entry is read with address, weight, tags, meta', () => {
  const weights = { Weights: { Passing: 5, Warning: 2 }, Tags: ['a'], Meta: { zone: 'b' } }
  assert.deepEqual(read({ service: weights }), [instance('u1', { weight: 5, tags: ['a'], meta: { zone: 'b' } })])
})

test('without an address of its own an instance has that of its node', () => {
  assert.equal(read({ service: { Address: '' }, node: { Address: '10.0.0.7' } })?.[0]?.address, '10.0.0.7')
})

test('the status is the worst of all checks, and picks the weight', () => {
  const weights = { Weights: { Passing: 5, Warning: 2 } }
  const of = (...statuses: string[]) => {
    const [one] = read({ service: weights, checks: statuses.map((Status) => ({ Status })) }) ?? []
    return [one?.status, one?.weight]
  }
  assert.deepEqual(of(), ['passing', 5])
  assert.deepEqual(of('passing', 'warning'), ['warning', 2])
  assert.deepEqual(of('warning', 'critical', 'passing'), ['critical', 5])
  assert.deepEqual(of('maintenance'), ['critical', 5])
})

test('Meta and Tags may be null, Weights absent', () => {
  assert.deepEqual(read({ service: { Meta: null, Tags: null, Weights: null } }), [instance('u1')])
})

test('a weight that is none counts as 1', () => {
  for (const Passing of ['5', -1, null, JSON.parse('1e999')])
    assert.equal(read({ service: { Weights: { Passing } } })?.[0]?.weight, 1, String(Passing))
})

test('a weight has 16 bits; what is above is cut off', () => {
  for (const Passing of [65_535, 65_536, 1e300])
    assert.equal(read({ service: { Weights: { Passing } } })?.[0]?.weight, 65_535)
})

test('an entry without a port cannot be called and is left out', () => {
  assert.deepEqual(read({ service: { Port: 0 } }), [])
})

test('the same ID on two nodes: two instances', () => {
  const entries = [instance('u1'), instance('u1', { node: 'n2', port: 2 })].map(entryOf)
  assert.deepEqual(
    readInstances('users', entries)?.map(({ id }) => id),
    ['n1/u1', 'n2/u1'],
  )
})

for (const [what, body] of Object.entries({
  'an object': {},
  text: 'welcome',
  nothing: undefined,
  null: null,
  'a list of nonsense': [7],
  'an entry without a service': [{ Node: {} }],
  'an entry without an ID': [{ Node: { Address: 'a' }, Service: { Port: 1 }, Checks: [] }],
  'an entry with a port that is none': [{ Node: { Address: 'a' }, Service: { ID: 'x', Port: '1' }, Checks: [] }],
})) {
  test(`not believed: ${what}`, () => assert.equal(readInstances('users', body), undefined))
}
