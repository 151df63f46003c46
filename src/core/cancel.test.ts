import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cancel } from './cancel.ts'
import { SkeinError } from './errors.ts'

const reason = () => new SkeinError('CANCELLED', 'enough')

test('listeners hear the first reason, once, in order', () => {
  const cancel = new Cancel()
  const heard: string[] = []
  cancel.on(() => void heard.push('a'))
  const forget = cancel.on(() => void heard.push('b'))
  cancel.on(() => void heard.push('c'))
  forget()
  forget()
  const first = reason()
  cancel.cancel(first)
  cancel.cancel(reason())
  assert.deepEqual(heard, ['a', 'c'])
  assert.equal(cancel.reason, first)
})

test('who comes late hears at once', () => {
  const cancel = new Cancel()
  cancel.cancel(reason())
  let heard = 0
  cancel.on(() => heard++)
  assert.equal(heard, 1)
})

test('a listener may take itself and others back while it runs', () => {
  const cancel = new Cancel()
  const heard: string[] = []
  const forget = cancel.on(() => {
    heard.push('a')
    forget()
  })
  cancel.on(() => void heard.push('b'))
  cancel.cancel(reason())
  assert.deepEqual(heard, ['a', 'b'])
})

test('the signal is aborted with the same reason, whenever it is asked for', () => {
  const before = new Cancel()
  const { signal } = before
  assert.equal(signal.aborted, false)
  const why = reason()
  before.cancel(why)
  assert.equal(signal.reason, why)
  const after = new Cancel()
  after.cancel(why)
  assert.equal(after.signal.reason, why)
})

test('who takes himself back while others are told is told nothing', () => {
  const cancel = new Cancel()
  const told: string[] = []
  cancel.on(() => {
    told.push('first')
    takeBack()
  })
  cancel.on(() => told.push('second'))
  const takeBack = cancel.on(() => told.push('third'))
  cancel.on(() => told.push('fourth'))
  cancel.cancel(reason())
  assert.deepEqual(told, ['first', 'second', 'fourth'])
})
