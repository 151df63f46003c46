import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Incoming, readAll } from './incoming.ts'

const flow = { pause() {}, resume() {}, drop() {} }

test('who reads a body after it was dropped hears why, instead of waiting for ever', async () => {
  const body = new Incoming(flow)
  body.push(Buffer.from('half'))
  body.drop(new Error('the rest is nonsense'))
  assert.equal(body.started, true)
  await assert.rejects(readAll(body), /the rest is nonsense/)
})

test('who reads a body after it broke off gets what came, and hears why', async () => {
  const body = new Incoming(flow)
  body.push(Buffer.from('half'))
  body.fail(new Error('reset'))
  const heard: string[] = []
  body.read({
    chunk: (bytes) => void heard.push(Buffer.from(bytes).toString()),
    end: () => void heard.push('end'),
    fail: (error) => void heard.push(error.message),
  })
  assert.deepEqual(heard, ['half', 'reset'])
})
