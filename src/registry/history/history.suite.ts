/** What every keeper of history must do; each runs it by one line in history.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change } from '../state/records.ts'
import type { Entry, History, Note } from './contract.ts'

export interface HistoryUnderTest extends History {
  record(note: Note, index: number): void
}

const DAY_MS = 24 * 3_600_000
const at = (day: number) => new Date(Date.UTC(2026, 0, 1) + day * DAY_MS).toISOString()
export const note = (day: number, more: Partial<Note> = {}): Note => ({
  ...{ Time: at(day), Kind: 'register', Node: 'n1', Service: 'a', ServiceID: 'a1', Cause: 'api' },
  ...more,
})
export const changeOf = (taken: Note): Change => ({ kind: 'kv', key: 'k', body: null, note: taken })

/** @param open a fresh one that keeps at least `max` entries, and soon after no more than 25 % beyond it or 1000. */
export function testHistory(name: string, open: (max: number) => HistoryUnderTest): void {
  test(`${name}: tells what it was told, oldest first, the newest when only some are wanted`, () => {
    const history = open(10)
    const notes = [note(0), note(1, { Kind: 'status', From: 'passing', To: 'critical' }), note(2, { Actor: '::1' })]
    for (const [i, taken] of notes.entries()) history.record(taken, i + 1)
    const entries: Entry[] = notes.map((taken, i) => ({ Index: i + 1, ...taken }))
    assert.deepEqual(history.list({ last: 10 }), entries)
    assert.deepEqual(history.list({ last: 2 }), entries.slice(1))
  })

  test(`${name}: by service, node, kind and time, together`, () => {
    const history = open(10)
    history.record(note(0), 1)
    history.record(note(1, { Service: 'b' }), 2)
    history.record(note(2, { Node: 'n2', Kind: 'deregister' }), 3)
    history.record({ Time: at(3), Kind: 'kv', Key: 'skein/x', Cause: 'api' }, 4)
    const indexes = (query: object) => history.list({ last: 10, ...query }).map(({ Index }) => Index)
    assert.deepEqual(indexes({ service: 'a' }), [1, 3])
    assert.deepEqual(indexes({ node: 'n1' }), [1, 2])
    assert.deepEqual(indexes({ kind: 'kv' }), [4])
    assert.deepEqual(indexes({ since: at(2) }), [3, 4])
    assert.deepEqual(indexes({ service: 'a', since: at(1), node: 'n2', kind: 'deregister' }), [3])
    assert.deepEqual(indexes({ service: "a' OR 1=1 --" }), [])
  })

  test(`${name}: is bounded, by count and by age`, () => {
    const history = open(1000)
    for (let i = 0; i < 10_000; i++) history.record(note(0), i)
    const kept = history.list({ last: 10_000 })
    assert.ok(kept.length >= 1000 && kept.length <= 2000, `${kept.length} kept`)
    assert.equal(kept.at(-1)?.Index, 9999)
    for (let i = 0; i < 2000; i++) history.record(note(31), 10_000 + i)
    const young = history.list({ last: 10_000 })
    assert.ok(young.length >= 1000 && young.every(({ Time }) => Time === at(31)), `${young.length} kept`)
  })
}
