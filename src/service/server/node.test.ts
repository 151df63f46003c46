import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { adaptHandler } from '../adapt/node.ts'
import { start } from '../harness.suite.ts'
import { serverSuite } from './server.suite.ts'

serverSuite('node')

describe('what is no HTTP, behind a request', () => {
  const ask = 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'

  /** Half of its answer is out, or nothing, when the garbage comes. */
  async function behind(begin: (response: ServerResponse) => void) {
    const asked = Promise.withResolvers<void>()
    await using it = await start(
      adaptHandler('slow', (_request, response) => {
        begin(response)
        asked.resolve()
      }),
    )
    const socket = connect(it.port, '127.0.0.1').on('error', () => {})
    let answer = ''
    socket.on('data', (data) => (answer += String(data)))
    socket.write(ask)
    await asked.promise
    const closed = once(socket, 'close')
    socket.write('garbage\r\n\r\n')
    await closed
    return answer
  }

  test('is not answered into the answer that is under way', async () => {
    const answer = await behind((response) => void response.writeHead(200, { 'content-length': 999 }).write('begun'))
    assert.doesNotMatch(answer, /400/)
  })

  test('is not answered in place of the answer that is owed', async () => {
    assert.equal(await behind(() => {}), '')
  })
})
