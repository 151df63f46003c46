/** A large answer to a client that takes it slowly, but takes it. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { makeAuthority, needsCertificates } from '../../test/support/certificates.ts'
import { VirtualClock } from '../core/clock.ts'
import { Certificates } from './certificates.ts'
import { WireServer, type WireServerOptions } from './server.ts'
import type { H1Exchange } from './server-exchange.ts'
import { unsent } from './unsent.ts'

/** Much more than the system's buffers take at the few times that something is taken. */
const BYTES = 96 * 1024 * 1024

function certificates(t: TestContext): Certificates {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-slow-client-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const { cert, key } = makeAuthority(dir)('localhost')
  return new Certificates([{ cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }], 'TLSv1.2')
}

/** Takes some of the answer four times, each a while after the other; resolves with what became of the rest. */
async function takeSlowly(t: TestContext, tls: WireServerOptions['tls'], client: (port: number) => Socket) {
  const clock = new VirtualClock()
  const exchange = Promise.withResolvers<H1Exchange>()
  const told = Promise.withResolvers<string>()
  const server = new WireServer({
    ...{ clock, tls, limits: { stallMs: 1_000 } },
    onRequest(one) {
      one.observer = { drained() {}, gone: ({ message }) => told.resolve(message), done: () => told.resolve('done') }
      one.send(200, [], Buffer.alloc(BYTES))
      exchange.resolve(one as H1Exchange)
    },
    onRefused: (connection) => connection.answerRefusal(''),
    ...{ onBodyRefused() {}, onError() {} },
  })
  const socket = client(await server.listen(0, '127.0.0.1'))
  t.after(async () => {
    socket.destroy()
    server.stopAccepting()
    await server.destroy()
  })
  socket.on('error', () => {}).pause()
  socket.write('GET / HTTP/1.1\r\n\r\n')
  const ours = (await exchange.promise).connection.socket
  socket.on('data', () => {})
  for (let i = 0; i < 4; i++) {
    const before = unsent(ours)
    socket.resume()
    while (unsent(ours) >= before && !ours.destroyed) await turn()
    socket.pause()
    clock.advance(700)
  }
  return { clock, socket, told: told.promise }
}

const KINDS = {
  plain: { skip: false as const, tls: () => undefined, client: (port: number) => connect(port, '127.0.0.1') },
  TLS: {
    ...{ skip: needsCertificates(), tls: certificates },
    client: (port: number) => connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }),
  },
}
for (const [kind, { skip, tls, client }] of Object.entries(KINDS)) {
  test(`who takes some of an answer now and then gets all of it, ${kind}`, { skip }, async (t) => {
    const { socket, told } = await takeSlowly(t, tls(t), client)
    socket.resume()
    assert.equal(await told, 'done')
  })

  test(`who takes no more of it is cut off, ${kind}`, { skip }, async (t) => {
    const { clock, told } = await takeSlowly(t, tls(t), client)
    for (let i = 0; i < 4; i++) {
      clock.advance(700)
      await turn()
    }
    assert.equal(await told, 'the connection was closed')
  })
}
