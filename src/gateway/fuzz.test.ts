/**
 * Finds smuggling without a list of attacks: random bytes that are nearly HTTP go in; what comes out behind the gateway
 * must be, for a parser that shares nothing with Node's, exactly the requests that the gateway says it sent on.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { below, type Random, seeded } from '../core/random.ts'
import { readRequests } from './strict-parser.suite.ts'
import { instance, tcpUpstream, workbench } from './workbench.suite.ts'

const ROUNDS = 1500

const LINES = [
  'GET /a HTTP/1.1',
  'POST /b HTTP/1.1',
  'PUT /c?d=e HTTP/1.1',
  'POST /f HTTP/1.0',
  'GET http://a.com/g HTTP/1.1',
  'OPTIONS * HTTP/1.1',
]
const FIELDS = [
  'Content-Length: 5',
  'Content-Length: 0',
  'Content-Length: 40',
  'Transfer-Encoding: chunked',
  'transfer-encoding:\tchunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding : chunked',
  'Connection: keep-alive, content-length, host',
  'Connection: close',
  'Expect: 100-continue',
  'Upgrade: h2c',
  'X_Under: 1',
  'X-Fine: 1',
  ' folded',
  'Host: b.com',
  'Trailer: content-length',
  'TE: trailers',
  'Keep-Alive: x',
]
const BODIES = [
  '',
  'hello',
  '5\r\nhello\r\n0\r\n\r\n',
  '0\r\n\r\n',
  '5;x=y\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n',
  '05\r\nhello\r\n00\r\n\r\n',
]
const NOISE = ['\0', '\r', '\n', '\x0b', ' ', '\t', ':', ',', '%2f', '/../', '\x80', '\xff', '"', ';', 'chunked', '0']

function nearlyHttp(random: Random): string {
  const one = <T>(list: readonly T[]): T => list[below(random, list.length)]!
  const fields = ['Host: a.com', ...Array.from({ length: below(random, 4) }, () => one(FIELDS))]
  let text = `${one(LINES)}\r\n${fields.join('\r\n')}\r\n\r\n${one(BODIES)}`
  for (let i = below(random, 3); i > 0; i--) {
    const at = below(random, text.length)
    text = text.slice(0, at) + one(NOISE) + text.slice(at + below(random, 2))
  }
  return text
}

test(`${ROUNDS} conversations of bytes that are nearly HTTP`, { timeout: 300_000 }, async (t) => {
  const seed = Number(process.env['SKEIN_SEED'] ?? 1)
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const random = seeded(seed)
  const received: string[] = []
  const { port } = await tcpUpstream(t, (socket) => {
    let text = ''
    let answered = 0
    const slot = received.push('') - 1
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      received[slot] = text
      const { requests } = readRequests(text)
      for (; answered < requests.length; answered++) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
  })
  const { gateway, lines } = await workbench(t, {
    instances: [instance(port)],
    routes: [{ to: 'users', attempts: 1, timeoutMs: 10_000 }],
    limits: { lingerMs: 1, bodyIdleMs: 20 },
  })
  for (let i = 0; i < ROUNDS; i += 20) {
    const texts = Array.from({ length: 20 }, () => nearlyHttp(random) + nearlyHttp(random))
    await Promise.all(texts.map((text) => converse(gateway.port, text)))
  }
  await converse(gateway.port, 'GET /last HTTP/1.1\r\nHost: a.com\r\nConnection: close\r\n\r\n')
  await gateway.close()
  const seen = received.flatMap((text) => readRequests(text).requests)
  const seenNames = seen.map(({ method, target }) => `${method} ${target.split('?')[0]}`)
  const answered = lines.filter(({ status }) => status === 200).map(nameOf)
  assert.deepEqual(without(answered, seenNames), [], 'answered, but never received behind the gateway')
  // Only a client that went while it was answered may leave a request received and not answered.
  const extra = without(seenNames, answered)
  assert.deepEqual(
    without(extra, lines.filter(({ reason }) => reason === 'client_gone').map(nameOf)),
    [],
    'received, but never sent on',
  )
  assert.ok(seen.length > ROUNDS / 10, `${seen.length} passed`)
  assert.ok(lines.length - seen.length > ROUNDS / 10, `${lines.length - seen.length} refused`)
  t.diagnostic(`${seen.length} passed, ${lines.length - seen.length} refused`)
})

const nameOf = ({ method, path }: Record<string, unknown>) =>
  `${method} ${String(path).replace(/^http:\/\/a\.com:?/i, '')}`

/** What of `all` is left when `taken` is taken away, one for one. */
function without(all: readonly string[], taken: readonly string[]): string[] {
  const left = [...all]
  for (const one of taken) {
    const at = left.indexOf(one)
    if (at !== -1) left.splice(at, 1)
  }
  return left
}

/** Says `text`, hears the answers out, and goes. */
function converse(port: number, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const quiet = () => {
      clearTimeout(timer)
      timer = setTimeout(() => socket.end(), 60)
    }
    let timer = setTimeout(() => socket.end(), 60)
    socket.on('data', quiet)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.write(Buffer.from(text, 'latin1'))
  })
}
