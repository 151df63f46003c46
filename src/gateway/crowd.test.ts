/** More clients than there are connections for. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { httpUpstream, instance, workbench } from './workbench.suite.ts'

function opened(url: string, text: string) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
  socket.resume()
  return socket
}

test('one connection too many takes the place of the oldest without a request under way', async (t) => {
  const { port } = await httpUpstream(t, (_request, response) => response.end('here'))
  const { url } = await workbench(t, { instances: [instance(port)], limits: { connections: 2 } })
  const slow = opened(url, 'GET /slow HT')
  await once(slow, 'connect')
  const silent = opened(url, '')
  await once(silent, 'connect')
  assert.equal(await (await fetch(`${url}/a`)).text(), 'here')
  if (!slow.closed) await once(slow, 'close')
  assert.equal(silent.closed, false)
  silent.destroy()
})

test('where every connection has a request under way, one too many is closed', async (t) => {
  const held = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const { port } = await httpUpstream(t, async (_request, response) => {
    asked.resolve()
    await held.promise
    response.end('here')
  })
  const { url } = await workbench(t, { instances: [instance(port)], limits: { connections: 1 } })
  const answered = fetch(`${url}/held`).then((answer) => answer.text())
  await asked.promise
  const refused = opened(url, '')
  await once(refused, 'close')
  held.resolve()
  assert.equal(await answered, 'here')
})
