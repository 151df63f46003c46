import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { boundConnections } from './crowd.ts'

test('one connection too many takes the place of the oldest without a request under way, else it is closed', async (t) => {
  const held = Promise.withResolvers<void>()
  const server = createServer(async (request, response) => {
    if (request.url === '/held') await held.promise
    response.end('here')
  })
  boundConnections(server, 2)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const opened = async (text: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.resume().on('error', () => {})
    await once(socket, 'connect')
    socket.write(text)
    return socket
  }
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

  const slow = await opened('GET /slow HT')
  const begun = once(server, 'request')
  const first = await opened(get('/held'))
  await begun
  const asked = once(server, 'request')
  const second = await opened(get('/held'))
  if (!slow.closed) await once(slow, 'close')
  await asked
  const third = await opened(get('/held'))
  if (!third.closed) await once(third, 'close')
  const answers = [first, second].map((socket) => once(socket, 'data'))
  held.resolve()
  for (const answer of answers) assert.match(String((await answer)[0]), /^HTTP\/1.1 200/)
  const next = await opened(get('/next'))
  assert.match(String((await once(next, 'data'))[0]), /^HTTP\/1.1 200/, 'an idle one makes room again')
  server.closeAllConnections()
})
