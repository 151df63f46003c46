/**
 * Hostile answers on a connection that several requests share. The request before has its answer already; the one behind gets its
 * own, over another connection where this one has ended. Only bytes too many can cost it its answer; and only a whole answer
 * too many could pass for its own, which is why none but instances that say so are asked in this way.
 */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { wireTransport } from '../../src/client/transport/wire.ts'
import { readAll } from '../../src/wire/incoming.ts'
import { RESPONSE_CASES } from './cases/index.ts'
import type { ResponseCase } from './contract.ts'
import { readResponses } from './judge/reader.ts'
import { type Reply, record } from './recorder.ts'

const own = (target: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`

test(`${RESPONSE_CASES.length} cases between two others`, async (t) => {
  let one: ResponseCase | undefined
  const ending = new WeakSet<Socket>()
  const reply: Reply = ({ target }, socket) => {
    if (ending.has(socket)) return ''
    if (target !== '/hostile' || one === undefined) return own(target)
    const { after, bytes } = one
    if (after === undefined) return bytes
    ending.add(socket)
    socket.write(bytes, 'latin1', () => (after === 'end' ? socket.end() : socket.resetAndDestroy()))
    return ''
  }
  const recorder = await record(reply)
  t.after(() => recorder.close())
  const target = { address: '127.0.0.1', port: recorder.port, meta: { pipelining: '8' } }
  const faults: string[] = []
  for (one of RESPONSE_CASES) {
    const transport = wireTransport()
    const ask = (path: string, method = 'GET') =>
      new Promise<string>((resolve) => {
        const message = { method, path, headers: [], bodyIdleMs: 200 }
        transport.send(target, message, {
          head: (_status, _fields, body) =>
            void readAll(body).then(
              (bytes) => resolve(`${bytes}`),
              () => resolve('cut'),
            ),
          end: (error) => error && resolve('failed'),
        })
      })
    await ask('/warm')
    const [before, hostile, behind] = await Promise.all([ask('/before'), ask('/hostile', one.method), ask('/behind')])
    if (before !== '/before') faults.push(`${one.what}: the one before got ${before}`)
    const excess = excessOf(one)
    const allowed = excess === 'bytes' ? ['/behind', 'failed', 'cut'] : ['/behind']
    if (excess !== 'answer' && !allowed.includes(behind)) faults.push(`${one.what}: the one behind got ${show(behind)}`)
    if (one.expect === 'cut' && hostile !== 'cut' && hostile !== 'failed')
      faults.push(`${one.what}: got ${show(hostile)}`)
    await transport.close()
    recorder.take()
  }
  assert.deepEqual(faults, [])
})

const show = (text: string) => text.slice(0, 100)

/** What the upstream says beyond its answer. */
function excessOf({ bytes, after, method = 'GET' }: ResponseCase): 'answer' | 'bytes' | undefined {
  if (after !== undefined) return undefined
  try {
    const { messages, rest } = readResponses(bytes, [method, 'GET'], false)
    const finals = messages.filter(({ status }) => status >= 200).length
    return finals > 1 ? 'answer' : finals === 1 && rest !== '' ? 'bytes' : undefined
  } catch {
    // The second parser reads no further than the first does.
    return 'bytes'
  }
}
