import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SkeinError } from '../core/errors.ts'
import { WireError } from '../wire/wire-error.ts'
import { causeOf, publicBody } from './public-error.ts'
import { echoBench } from './workbench.suite.ts'

const reset = Object.assign(new Error('read ECONNRESET 10.0.0.7:80'), { code: 'ECONNRESET' })
const failed = (cause: Error) =>
  new SkeinError('UPSTREAM_FAILED', 'users-1 (10.0.0.7:80) broke off', {}, new Error('transport', { cause }))

test('the cause is the word of what was wrong on the wire, and no address is told', () => {
  assert.equal(causeOf(failed(new WireError('two_lengths', 'Content-Length is given twice'))), 'two_lengths')
  assert.equal(causeOf(failed(reset)), 'econnreset')
  const body = publicBody(failed(reset), 'users', 'r-1')
  assert.match(body, /"cause":"econnreset"/)
  assert.doesNotMatch(body, /10\.0\.0\.7/)
})

test('without such a word there is none', () => {
  assert.equal(causeOf(failed(new Error('the connection was closed'))), undefined)
  assert.equal(causeOf(failed(Object.assign(new Error('x'), { code: 'not a word' }))), undefined)
  assert.doesNotMatch(publicBody(failed(new Error('x')), 'users', 'r-1'), /cause/)
})

test("a balance function that chooses nobody's endpoint is the gateway's fault, not its client's", async (t) => {
  const { ask } = await echoBench(t, { path: '/*', balance: { policy: () => ({ id: 'nobody' }) as never } })
  const { status, headers, text } = await ask('/')
  assert.deepEqual([status, headers['x-skein-error']], [500, 'INTERNAL'])
  assert.match(text, /could not be asked/)
  assert.doesNotMatch(text, /the function chose/)
})
