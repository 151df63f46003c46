/** The checker against histories that must fail, and against a dumb twin that tries every order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, type Random, seeded } from '../../src/core/random.ts'
import { KV_MODEL, type KvInput, type KvOutput } from './kv-model.ts'
import { checkLinearizable, type Operation } from './linearizable.ts'

type Kv = Operation<KvInput, KvOutput>

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)
const get = (value: string | undefined, called: number, returned: number): Kv => ({
  ...{ input: { do: 'get' }, called, returned, output: { value } },
})
const put = (value: string, called: number, returned?: number): Kv => ({
  ...{ input: { do: 'put', value }, called, returned, output: { done: true } },
})
const cas = (expected: string | undefined, value: string, done: boolean, called: number, returned: number): Kv => ({
  ...{ input: { do: 'cas', expected, value }, called, returned, output: { done } },
})
const remove = (called: number, returned?: number): Kv => ({
  ...{ input: { do: 'delete' }, called, returned, output: { done: true } },
})
const isLinearizable = (history: readonly Kv[]) => checkLinearizable(history, KV_MODEL).linearizable

const GOOD: Readonly<Record<string, readonly Kv[]>> = {
  'nothing at all': [],
  'one after the other': [get(undefined, 1, 2), put('a', 3, 4), get('a', 5, 6), remove(7, 8), get(undefined, 9, 10)],
  'a read beside a write sees either': [put('a', 1, 10), get(undefined, 2, 3), get('a', 4, 5)],
  'a write without an answer that happened, late': [put('a', 1, 2), put('b', 3), get('a', 4, 5), get('b', 6, 7)],
  'a write without an answer that never happened': [
    put('a', 1, 2),
    put('b', 3),
    get('a', 4, 5),
    cas('a', 'c', true, 6, 7),
  ],
  'of two who compare and set at once one wins': [
    ...[put('a', 1, 2), cas('a', 'b', true, 3, 8), cas('a', 'c', false, 4, 7), get('b', 9, 10)],
  ],
  'a failed compare beside the write that explains it': [put('a', 1, 2), put('b', 3, 9), cas('a', 'c', false, 4, 5)],
}

const BAD: Readonly<Record<string, readonly Kv[]>> = {
  'an old value after a newer one was acknowledged': [put('a', 1, 2), put('b', 3, 4), get('a', 5, 6)],
  'an acknowledged write is lost': [put('a', 1, 2), get(undefined, 3, 4)],
  'a reader goes back': [put('a', 1, 2), put('b', 3, 20), get('b', 4, 5), get('a', 6, 7)],
  'two readers disagree about the order': [...[put('a', 1, 10), put('b', 1, 10), get('a', 11, 12), get('b', 13, 14)]],
  'both who compare and set win': [put('a', 1, 2), cas('a', 'b', true, 3, 6), cas('a', 'c', true, 4, 5)],
  'a compare fails although nothing changed': [put('a', 1, 2), cas('a', 'b', false, 3, 4)],
  'a value out of thin air': [put('a', 1, 2), get('x', 3, 4)],
  'a deletion comes undone': [put('a', 1, 2), remove(3, 4), get('a', 5, 6)],
  'a write without an answer happens, and then has not': [
    ...[put('a', 1, 2), put('b', 3), get('b', 4, 5), get('a', 6, 7)],
  ],
  'a write without an answer happens before its call': [put('a', 1, 2), get('b', 3, 4), put('b', 5)],
  'two create the same key': [cas(undefined, 'a', true, 1, 4), cas(undefined, 'b', true, 2, 3)],
}

for (const [name, history] of Object.entries(GOOD))
  test(`linearizable: ${name}`, () => assert.ok(isLinearizable(history)))
for (const [name, history] of Object.entries(BAD))
  test(`not linearizable: ${name}`, () => assert.ok(!isLinearizable(history)))

/** Every order that respects time, tried to the end. */
function bruteForce(history: readonly Kv[], state = ''): boolean {
  if (history.every(({ returned }) => returned === undefined)) return true
  const limit = Math.min(...history.map(({ returned = Number.POSITIVE_INFINITY }) => returned))
  return history.some((operation, i) => {
    if (operation.called > limit) return false
    const { input, output, returned } = operation
    const after = KV_MODEL.step(state, input, returned === undefined ? undefined : output)
    return after !== undefined && bruteForce(history.toSpliced(i, 1), after)
  })
}

/** Answers picked at random: some histories are linearizable, some are not. */
function randomHistory(random: Random, length: number): Kv[] {
  const value = () => 'abc'[below(random, 3)]!
  return Array.from({ length }, () => {
    const called = below(random, 20)
    const returned = random() < 0.15 ? undefined : called + 1 + below(random, 8)
    const kinds: [KvInput, KvOutput][] = [
      [{ do: 'get' }, { value: random() < 0.3 ? undefined : value() }],
      [{ do: 'put', value: value() }, { done: true }],
      [{ do: 'cas', expected: value(), value: value() }, { done: random() < 0.5 }],
      [{ do: 'delete' }, { done: true }],
      [{ do: 'delete-cas', expected: value() }, { done: random() < 0.7 }],
    ]
    const [input, output] = kinds[below(random, kinds.length)]!
    return { input, output, called, returned }
  })
}

test(`the same verdict as trying every order (SKEIN_SEED=${SEED})`, () => {
  const random = seeded(SEED)
  const verdicts = { true: 0, false: 0 }
  for (let round = 0; round < 3000; round++) {
    const history = randomHistory(random, 2 + below(random, 6))
    const expected = bruteForce(history)
    assert.equal(isLinearizable(history), expected, `round ${round}: ${JSON.stringify(history)}`)
    verdicts[`${expected}`]++
  }
  assert.ok(verdicts.true > 100 && verdicts.false > 100, JSON.stringify(verdicts))
})

/** Clients of a key that is as it should be: each operation happens at a moment between call and return. */
function honestHistory(random: Random, clients: number, operations: number): Kv[] {
  const planned = Array.from({ length: operations }, (_, i) => {
    const called = i * 10 + below(random, 10)
    const happens = called + below(random, clients * 10)
    return { i, called, happens, returned: happens + below(random, clients * 10) }
  })
  let state = ''
  const history: Kv[] = []
  for (const { i, called, returned } of planned.sort((a, b) => a.happens - b.happens)) {
    const kinds: KvInput[] = [
      { do: 'get' },
      { do: 'put', value: `v${i}` },
      { do: 'cas', expected: random() < 0.5 ? state || undefined : `v${i - 1}`, value: `v${i}` },
    ]
    const input = kinds[below(random, kinds.length)]!
    const done = input.do !== 'cas' || (input.expected ?? '') === state
    if ('value' in input && done) state = input.value
    const output = input.do === 'get' ? { value: state || undefined } : { done }
    history.push({ input, called, output, returned: random() < 0.02 && input.do === 'put' ? undefined : returned })
  }
  return history
}

test(`long histories: an honest one passes, one with a single wrong read does not (SKEIN_SEED=${SEED})`, () => {
  const random = seeded(SEED)
  for (let round = 0; round < 6; round++) {
    const history = honestHistory(random, 8, 400)
    assert.ok(isLinearizable(history), `round ${round}`)
    const wrong = history.findIndex(({ input }, i) => input.do === 'get' && i > 200)
    const lie = history.with(wrong, { ...history[wrong]!, output: { value: 'v-of-nobody' } })
    const verdict = checkLinearizable(lie, KV_MODEL)
    assert.ok(!verdict.linearizable && verdict.stuck.includes(lie[wrong]!), `round ${round}`)
  }
})
