import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyChanges } from './apply.ts'
import { carryOut } from './carry-out.fixture.ts'
import type { Command, TxnKv } from './commands.ts'
import { decide } from './decide.ts'
import { State } from './state.ts'
import { moveIndexes, writtenAt } from './txn-index.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 20_261_122)

/** Keys of two sessions, one of them held, and a delayed one. */
function start(): State {
  const state = new State()
  const node = { Node: 'n', ID: '', Address: '', TaggedAddresses: null, Meta: null }
  const rest = { skipNodeUpdate: true, checks: [], keepStatus: true, replaceChecks: false }
  const session = (ID: string): Command => ({
    type: 'session-create',
    session: {
      ...{ ID, Name: '', Node: 'n', LockDelay: 1e9, Behavior: 'release', TTL: '' },
      ...{ NodeChecks: [], ServiceChecks: null },
    },
  })
  const lock = (key: string, acquire: string): Command => ({ type: 'kv-set', key, value: '', flags: '0', acquire })
  const commands: Command[] = [{ type: 'register', node, ...rest }, session('x'), session('y'), session('z')]
  commands.push(lock('a', 'x'), lock('c', 'z'), { type: 'session-end', id: 'z' })
  for (const [i, command] of commands.entries()) carryOut(state, command, i + 1)
  return state
}

const operation = fc.record({
  kind: fc.constant('kv' as const),
  verb: fc.constantFrom('set', 'set', 'cas', 'lock', 'unlock', 'delete', 'delete-cas', 'delete-tree'),
  key: fc.constantFrom('a', 'a/b', 'c', 'd'),
  value: fc.constantFrom('', 'eA=='),
  flags: fc.constantFrom('0', '18446744073709551615'),
  index: fc.constantFrom(0, 5, 6, 7, 8),
  session: fc.constantFrom('x', 'y', 'none'),
})

/** The same as a command of its own. */
function alone({ verb, key, value, flags, index, session }: TxnKv): Command {
  const set = { type: 'kv-set' as const, key, value, flags }
  const remove = { type: 'kv-delete' as const, key, recurse: verb === 'delete-tree' }
  if (verb === 'set') return set
  if (verb === 'cas') return { ...set, cas: index }
  if (verb === 'lock') return { ...set, acquire: session }
  if (verb === 'unlock') return { ...set, release: session }
  return verb === 'delete-cas' ? { ...remove, cas: index } : remove
}

const image = (state: State) =>
  JSON.stringify([
    state.index,
    [...state.kv].sort(),
    [...state.keys.under('')],
    [...state.indexes].sort(),
    ['x', 'y'].map((session) => [...state.locks.get(session)].sort()),
  ])

/** Each command by itself, all under one index; undefined when one of them fails. */
function oneByOne(operations: readonly TxnKv[]): State | undefined {
  const state = start()
  for (const one of operations) {
    try {
      if (!carryOut(state, alone(one), 8)) return undefined
    } catch {
      return undefined
    }
  }
  return state
}

test('a transaction is its operations one after the other, or nothing', () => {
  let succeeded = 0
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 5 }), (operations) => {
      const state = start()
      const before = image(state)
      const { changes, done, errors, results } = decide(state, { type: 'txn', operations })
      assert.equal(image(state), before, 'deciding has no effect')
      const expected = oneByOne(operations)
      assert.equal(done, expected !== undefined)
      if (expected === undefined) {
        assert.deepEqual(changes, [])
        assert.ok(errors!.length > 0)
        return
      }
      succeeded++
      if (changes.length > 0) applyChanges(state, changes, 8)
      expected.index = state.index
      assert.equal(image(state), image(expected))
      const last = results!.findLast(({ kind, record }) => kind === 'kv' && state.kv.get(record.Key) !== undefined)
      if (
        last?.kind === 'kv' &&
        operations.at(-1)!.key === last.record.Key &&
        !operations.at(-1)!.verb.startsWith('delete')
      ) {
        assert.deepEqual(last.record, state.kv.get(last.record.Key))
      }
    }),
    { seed: SEED, numRuns: 2000 },
  )
  assert.ok(succeeded > 200, `only ${succeeded} of 2000 succeeded`)
})

test('all errors are told, and a later operation sees an earlier one', () => {
  const kv = (verb: string, key: string, index = 0): TxnKv => ({
    ...{ kind: 'kv', verb, key, value: 'eA==', flags: '0', index, session: '' },
  })
  const { errors } = decide(start(), {
    type: 'txn',
    operations: [kv('set', 'n'), kv('cas', 'n', 1), kv('get', 'n'), kv('get', 'none')],
  })
  assert.deepEqual(
    errors!.map(({ OpIndex }) => OpIndex),
    [1, 3],
  )
})

test('where the store hands out indexes, results get the one of the records, or 0 when all were changed since', () => {
  const state = start()
  const operations = [{ kind: 'kv', verb: 'set', key: 'd', value: 'eA==', flags: '0', index: 0, session: '' }] as const
  const { changes, results } = decide(state, { type: 'txn', operations })
  const supposed = state.index + 1
  applyChanges(state, changes, 40)
  assert.equal(moveIndexes(results!, supposed, writtenAt(state, changes))[0]!.record.ModifyIndex, 40)
  carryOut(state, { type: 'kv-set', key: 'd', value: '', flags: '0' }, 41)
  const { CreateIndex, ModifyIndex } = moveIndexes(results!, supposed, writtenAt(state, changes))[0]!.record
  assert.deepEqual([CreateIndex, ModifyIndex], [0, 0])
})
