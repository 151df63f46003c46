/** Sessions with more keys than one write of the store can let go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges } from './apply.ts'
import type { Command } from './commands.ts'
import { decide } from './decide.ts'
import type { SessionBody } from './records.ts'
import { State } from './state.ts'

const SESSION: SessionBody = {
  ...{ ID: 's', Name: '', Node: 'n', LockDelay: 1e9, Behavior: 'release', TTL: '' },
  ...{ NodeChecks: [], ServiceChecks: null },
}

/** Steps have room for `room` keys of a session: two records each, 900 bytes together. */
function opened(room: number) {
  const state = new State()
  state.writeMaxBytes = 2 * room * 900
  const sizes: number[] = []
  const run = (command: Command) => {
    const { changes, done } = decide(state, command)
    sizes.push(changes.length)
    if (changes.length > 0) applyChanges(state, changes, state.index + 1)
    return done
  }
  const node = { Node: 'n', ID: '', Address: '', TaggedAddresses: null, Meta: null }
  const check = { CheckID: 'c', Name: 'c', Status: 'passing', Notes: '', Output: '', ServiceID: '', Type: '' } as const
  const checks = [{ ...check, Interval: '', Timeout: '', Definition: {} }]
  run({ type: 'register', node, skipNodeUpdate: true, checks, keepStatus: true, replaceChecks: false })
  const open = (session: Partial<SessionBody>, keys: number) => {
    const body = { ...SESSION, ...session }
    run({ type: 'session-create', session: body })
    for (let i = 0; i < keys; i++) lock(`${body.ID}/${i}`, body.ID)
  }
  const lock = (key: string, session: string) =>
    run({ type: 'kv-set', key, value: 'A'.repeat(400), flags: '0', acquire: session })
  const held = (id: string) => state.locks.get(id).size
  const end = (id = 's') => run({ type: 'session-end', id })
  return { state, run, open, lock, held, end, sizes }
}

test('one that fits into a write ends in one', () => {
  const { state, open, end, held, sizes } = opened(10)
  open({}, 8)
  assert.equal(end(), true)
  assert.deepEqual([state.sessions.size, state.endings.size, held('s')], [0, 0, 0])
  assert.equal(sizes.at(-1), 17, 'eight keys, eight delays, the session')
})

test('a larger one is over at once, and lets its keys go in steps', () => {
  const { state, open, end, held, lock, run } = opened(5)
  open({}, 18)
  open({ ID: 't' }, 0)
  const before = state.index
  assert.equal(end(), true)
  assert.deepEqual([state.sessions.has('s'), state.sessionsOnNode.get('n').has('s'), held('s')], [false, false, 18])
  assert.equal(state.indexOf('sessions'), before + 1, 'who watches sessions hears of it')
  assert.throws(() => lock('s/0', 's'), /invalid session "s"/)
  assert.throws(() => run({ type: 'query-set', query: { ...QUERY, Session: 's' }, isNew: true }), /invalid session/)
  assert.equal(run({ type: 'session-renew', id: 's' }), false)
  assert.equal(lock('s/0', 't'), false, 'locked until its step comes')

  const steps: number[] = []
  while (state.endings.size > 0) {
    assert.equal(end(), true)
    steps.push(held('s'))
  }
  assert.ok(steps.length >= 3 && steps.every((left, i) => left < (steps[i - 1] ?? 18)), steps.join())
  assert.equal(steps.at(-1), 0)
  assert.equal(state.delays.size, 18, 'every key has its delay')
  assert.equal(end(), false, 'it is gone')
})

test('a key with a value as large as a write goes alone; with Behavior delete the keys vanish', () => {
  const { state, open, end, run } = opened(1)
  open({ Behavior: 'delete', LockDelay: 0 }, 0)
  for (const key of ['a', 'b', 'c']) {
    run({ type: 'kv-set', key, value: 'A'.repeat(5000), flags: '0', acquire: 's' })
  }
  end()
  for (const left of [2, 1, 0]) {
    if (state.endings.size === 0) break
    end()
    assert.ok(state.kv.size <= left)
  }
  assert.deepEqual([state.kv.size, state.endings.size], [0, 0])
})

test('a check that turns critical ends all its sessions, those that do not fit step by step', () => {
  const { state, open, run, held, end } = opened(5)
  for (const ID of ['a', 'b', 'c', 'd']) open({ ID, NodeChecks: ['c'] }, 3)
  open({ ID: 'other' }, 3)
  run({ type: 'set-status', node: 'n', checkId: 'c', status: 'critical', output: '' })
  assert.equal(state.checks.get('n\nc')?.Status, 'critical')
  assert.deepEqual([...state.sessions.keys()], ['other'])
  assert.ok(state.endings.size > 0 && state.endings.size < 4, `${state.endings.size}`)
  for (const id of [...state.endings.keys()]) while (state.endings.has(id)) end(id)
  assert.deepEqual(
    ['a', 'b', 'c', 'd', 'other'].map((id) => held(id)),
    [0, 0, 0, 0, 3],
  )
})

test('a transaction guarded by a session that is over fails, although the key is still locked', () => {
  const { open, end, run } = opened(1)
  open({}, 5)
  const operation = { kind: 'kv', key: 's/0', value: '', flags: '0', index: 0, session: 's' } as const
  assert.equal(run({ type: 'txn', operations: [{ ...operation, verb: 'check-session' }] }), true)
  end()
  assert.equal(run({ type: 'txn', operations: [{ ...operation, verb: 'check-session' }] }), false)
})

test('what is applied is taken back whole', () => {
  const { state, open, held } = opened(1)
  open({}, 5)
  const { changes } = decide(state, { type: 'session-end', id: 's' })
  applyChanges(state, changes, state.index + 1).undo()
  assert.deepEqual([state.sessions.has('s'), state.endings.size, held('s')], [true, 0, 5])
})

const QUERY = {
  ...{ ID: 'q', Name: 'q', Session: '', DNS: { TTL: '' } },
  Service: {
    ...{ Service: 'x', Failover: { NearestN: 0, Datacenters: null }, OnlyPassing: false, IgnoreCheckIDs: null },
    ...{ Near: '', Tags: null, NodeMeta: null, ServiceMeta: null, Connect: false },
  },
}
