import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperationContract } from '../../core/contract.ts'
import { UsageError } from '../command.ts'
import { readInput } from './input.ts'

const FIELDS = { id: { type: 'string' }, limit: { type: 'integer' } }
const taking = (input: object) => ({ method: 'GET', path: '/user/:id', input, errors: {} }) as OperationContract
const plain = taking({ type: 'object', properties: FIELDS })
const read = (operation: OperationContract | undefined, ...extra: [string, string | true][]) =>
  readInput(operation, undefined, extra, '.')

test('fields given as options are converted by the schema', () => {
  assert.deepEqual(read(plain, ['id', '1'], ['limit', '10']), { id: '1', limit: 10 })
  assert.deepEqual(readInput(plain, '{"id":"1"}', [['id', '2']], '.'), { id: '2' })
})

test('one that the input has not is refused, with those that it has', () => {
  assert.throws(() => read(plain, ['limt', '10']), new UsageError('unknown option --limt; did you mean --limit?'))
  assert.throws(
    () => read(plain, ['colour', 'red']),
    new UsageError('unknown option --colour; the input has --id, --limit'),
  )
})

test('a field without a value is true, which only a boolean can be', () => {
  assert.throws(() => read(plain, ['id', true]), new UsageError('--id needs a value'))
  const flagged = taking({ type: 'object', properties: { all: { type: 'boolean' } } })
  assert.deepEqual(read(flagged, ['all', true]), { all: true })
})

test('what is required and not given is named', () => {
  const needs = taking({ type: 'object', properties: FIELDS, required: ['id', 'limit'] })
  assert.throws(() => read(needs), new UsageError('the input needs --id and --limit'))
  assert.throws(() => readInput(needs, '{"id":"1"}', [], '.'), new UsageError('the input needs --limit'))
  assert.deepEqual(readInput(needs, '{"id":"1"}', [['limit', '2']], '.'), { id: '1', limit: 2 })
})

test('where other fields may come, or nothing is known of them, all go through', () => {
  const open = taking({ type: 'object', properties: FIELDS, additionalProperties: {} })
  for (const operation of [open, taking({ type: 'object' }), taking({}), undefined]) {
    assert.deepEqual(read(operation, ['colour', 'red']), { colour: 'red' })
  }
  const either = taking({ anyOf: [{ properties: { a: {} } }, { properties: { b: {} } }] })
  assert.deepEqual(read(either, ['b', '1']), { b: '1' })
})
