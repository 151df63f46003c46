import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Settings,
} from 'node:http2'
import { request } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { connect as connectTls, type SecureVersion } from 'node:tls'
import { type Certificates, makeAuthority, needsCertificates } from '../../test/support/certificates.ts'
import { VirtualClock } from '../core/clock.ts'
import { ConfigError } from '../core/issues.ts'
import { httpUpstream, instance, workbench } from './workbench.suite.ts'

/** An upstream that tells what it was asked, and how. */
const telling = (t: TestContext) =>
  httpUpstream(t, (incoming, outgoing) => {
    let body = ''
    incoming.on('data', (bytes) => {
      body += String(bytes)
    })
    incoming.on('end', () => {
      outgoing.setHeader('set-cookie', ['a=1', 'b=2'])
      outgoing.setHeader('x-method', String(incoming.method))
      if (incoming.url === '/early') return outgoing.writeHead(204).end()
      outgoing.end(JSON.stringify({ url: incoming.url, headers: incoming.headers, body }))
    })
  })

interface H2Answer {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number }
  readonly text: string
}

async function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<H2Answer> {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  let text = ''
  for await (const bytes of stream) text += String(bytes)
  return { headers: head, text }
}

/** HTTP/2 in clear, by prior knowledge. */
async function h2c(t: TestContext, routes = [{ to: 'users' }], limits = {}) {
  const { port } = await telling(t)
  const bench = await workbench(t, { instances: [instance(port)], routes, limits })
  const session = connect(`http://127.0.0.1:${bench.gateway.port}`)
  t.after(() => session.destroy())
  return { ...bench, session }
}

test('HTTP/2 by prior knowledge: many streams at once, each with its own answer', async (t) => {
  const { session, line } = await h2c(t)
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => ask(session, { ':path': `/a/${i}`, 'x-own': String(i) })),
  )
  answers.forEach(({ headers, text }, i) => {
    const told = JSON.parse(text) as { url: string; headers: Record<string, string> }
    assert.equal(headers[':status'], 200)
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
    assert.equal(headers.connection, undefined)
    assert.deepEqual([told.url, told.headers['x-own']], [`/a/${i}`, String(i)])
  })
  assert.match(answers[0]!.text, /"host":"127\.0\.0\.1:\d+"/)
  assert.equal((await line()).status, 200)
})

test('what a connection may have under way: 100 streams, 64 KiB each, 1 MiB in all', async (t) => {
  const { gateway } = await workbench(t, { instances: [] })
  const session = connect(`http://127.0.0.1:${gateway.port}`)
  t.after(() => session.destroy())
  const [settings] = (await once(session, 'remoteSettings')) as [Settings]
  assert.deepEqual([settings.maxConcurrentStreams, settings.initialWindowSize], [100, 64 * 1024])
  // The update of the connection's window comes behind the settings.
  await new Promise<void>((resolve) => session.ping(() => resolve()))
  assert.equal(session.state.remoteWindowSize, 1024 * 1024)
})

test('bodies both ways, of known length and without; HEAD and 204 have none', async (t) => {
  const { session } = await h2c(t)
  const bytes = 'x'.repeat(300_000)
  for (const headers of [{}, { 'content-length': bytes.length }]) {
    const { text } = await ask(session, { ':method': 'POST', ':path': '/p', ...headers }, bytes)
    assert.equal((JSON.parse(text) as { body: string }).body.length, bytes.length)
  }
  const head = await ask(session, { ':method': 'HEAD', ':path': '/' })
  assert.deepEqual([head.headers[':status'], head.text], [200, ''])
  const none = await ask(session, { ':path': '/early' })
  assert.deepEqual([none.headers[':status'], none.text], [204, ''])
})

test('crumbs of a cookie become one line; hop-by-hop and our own fields do not get through', async (t) => {
  const { session } = await h2c(t)
  const { text } = await ask(session, { ':path': '/', cookie: ['a=1', 'b=2'], te: 'trailers', 'x-skein-x': '1' })
  const { headers } = JSON.parse(text) as { headers: Record<string, string> }
  assert.equal(headers['cookie'], 'a=1; b=2')
  assert.equal(headers['te'], undefined)
  assert.equal(headers['x-skein-x'], undefined)
})

for (const [what, headers, status] of [
  ['a dot segment', { ':path': '/a/../b' }, 400],
  ['CONNECT', { ':method': 'CONNECT', ':authority': 'a:80' }, 405],
  ['TRACE', { ':method': 'TRACE', ':path': '/' }, 405],
  ['another Host than :authority', { ':path': '/', ':authority': 'a.com', host: 'b.com' }, 400],
  ['a body that is announced too long', { ':method': 'POST', ':path': '/', 'content-length': 2_000_000_000 }, 413],
  [
    'too many fields',
    { ':path': '/', ...Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x${i}`, ''])) },
    431,
  ],
] as const) {
  test(`refused over HTTP/2: ${what}`, async (t) => {
    const { session } = await h2c(t)
    const stream = session.request(headers as OutgoingHttpHeaders, { endStream: !('content-length' in headers) })
    stream.on('error', () => {})
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>]
    assert.equal(head[':status'], status)
  })
}

test('a field that an upstream gives twice reaches the client, also one that should stand once', async (t) => {
  const { port } = await httpUpstream(t, (_, answer) => {
    answer.writeHead(200, [
      'x-content-type-options',
      'nosniff',
      'x-content-type-options',
      'nosniff',
      'constructor',
      'a',
    ])
    answer.end('text')
  })
  const { gateway } = await workbench(t, { instances: [instance(port)] })
  const session = connect(`http://127.0.0.1:${gateway.port}`, { strictSingleValueFields: false } as object)
  t.after(() => session.destroy())
  const { headers, text } = await ask(session, { ':path': '/' })
  assert.deepEqual([headers[':status'], headers['constructor'], text], [200, 'a', 'text'])
})

test('a stream that is reset cancels the call behind it', async (t) => {
  const arrival = Promise.withResolvers<void>()
  const { port } = await httpUpstream(t, () => arrival.resolve())
  const { gateway, line } = await workbench(t, { instances: [instance(port)] })
  const session = connect(`http://127.0.0.1:${gateway.port}`)
  t.after(() => session.destroy())
  const stream = session.request({ ':path': '/' })
  await arrival.promise
  stream.close(constants.NGHTTP2_CANCEL)
  assert.equal((await line()).status, 499)
})

for (const [what, fields] of [
  ['known length', { 'content-length': 10 }],
  ['unknown length', {}],
] as const) {
  test(`an upstream that breaks off a body of ${what}: the stream is reset, never ended`, async (t) => {
    const breakOff = Promise.withResolvers<void>()
    const { port } = await httpUpstream(t, (_, outgoing) => {
      outgoing.writeHead(200, fields)
      outgoing.write('half')
      void breakOff.promise.then(() => outgoing.destroy())
    })
    const { gateway } = await workbench(t, { instances: [instance(port)] })
    const session = connect(`http://127.0.0.1:${gateway.port}`)
    t.after(() => session.destroy())
    const stream = session.request({ ':path': '/' })
    await once(stream, 'data')
    breakOff.resolve()
    const [error] = (await once(stream, 'error')) as [Error]
    assert.match(error.message, /error code NGHTTP2_INTERNAL_ERROR/)
  })
}

test('a reader that is slower than the upstream holds it back', async (t) => {
  let written = 0
  const { port } = await httpUpstream(t, (_, outgoing) => {
    const pour = () => {
      while (written < 64 * 1024 * 1024) {
        written += 65_536
        if (!outgoing.write(Buffer.alloc(65_536))) return void outgoing.once('drain', pour)
      }
      outgoing.end()
    }
    pour()
  })
  const { gateway } = await workbench(t, { instances: [instance(port)] })
  const session = connect(`http://127.0.0.1:${gateway.port}`)
  t.after(() => session.destroy())
  const stream = session.request({ ':path': '/' }).pause()
  await once(stream, 'response')
  for (let still = -1; still !== written; ) {
    still = written
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.ok(written < 32 * 1024 * 1024, `${written} bytes`)
  stream.destroy()
})

test('resets without end close the connection', async (t) => {
  const { session } = await h2c(t)
  session.on('error', () => {})
  const closed = new Promise((resolve) => session.once('close', resolve))
  for (let i = 0; i < 2000 && !session.closed && !session.destroyed; i++) {
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => {})
    stream.close(constants.NGHTTP2_CANCEL)
    if (i % 20 === 0) await new Promise(setImmediate)
  }
  await closed
})

test('bytes that only begin like HTTP/2 are refused', async (t) => {
  const { gateway } = await workbench(t, {})
  const socket = connectTcp(gateway.port, '127.0.0.1')
  socket.write('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  assert.match(String(bytes), /^HTTP\/1\.1 400 /)
  socket.destroy()
})

test('closing: streams under way are answered, then the connection ends', async (t) => {
  const arrival = Promise.withResolvers<() => void>()
  const { port } = await httpUpstream(t, (_, outgoing) => arrival.resolve(() => outgoing.end('late')))
  const { gateway } = await workbench(t, { instances: [instance(port)] })
  const session = connect(`http://127.0.0.1:${gateway.port}`)
  const answer = ask(session, { ':path': '/' })
  const finish = await arrival.promise
  const closing = gateway.close()
  finish()
  assert.equal((await answer).text, 'late')
  await closing
})

describe('TLS', { skip: needsCertificates() }, () => {
  let folder = ''
  let certificates: Readonly<Record<'a' | 'b' | 'wild', Certificates>>
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'skein-tls-'))
    const make = makeAuthority(folder)
    certificates = { a: make('a.test'), b: make('b.test'), wild: make('*.c.test') }
  })
  after(() => rmSync(folder, { recursive: true }))

  const tlsOf = (...names: ('a' | 'b' | 'wild')[]) => ({
    certificates: names.map((name) => certificates[name]).map(({ cert, key }) => ({ cert, key })),
  })

  async function secure(t: TestContext, ...names: ('a' | 'b' | 'wild')[]) {
    const { port } = await telling(t)
    return workbench(t, { instances: [instance(port)], config: { tls: tlsOf(...names) } })
  }

  /** The common name of the certificate that is shown to who asks for `servername`. */
  async function shown(port: number, servername: string): Promise<string> {
    const socket = connectTls({ port, host: '127.0.0.1', servername, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { CN } = socket.getPeerCertificate().subject
    socket.destroy()
    return String(CN)
  }

  test('HTTP/1.1 over TLS: the upstream is told https', async (t) => {
    const { gateway } = await secure(t, 'a')
    const text = await new Promise<string>((resolve, reject) => {
      const ca = readFileSync(certificates.a.ca)
      request({ port: gateway.port, host: '127.0.0.1', servername: 'a.test', ca, path: '/x' }, async (answer) => {
        let all = ''
        for await (const bytes of answer) all += String(bytes)
        resolve(all)
      })
        .on('error', reject)
        .end()
    })
    const { headers } = JSON.parse(text) as { headers: Record<string, string> }
    assert.deepEqual([headers['x-forwarded-proto'], headers['x-forwarded-port']], ['https', String(gateway.port)])
  })

  test('a WebSocket over TLS whose instance resets is cut off, and the gateway lives', async (t) => {
    const { port, server } = await httpUpstream(t, (_, answer) => answer.end())
    server.on('upgrade', (asked, socket) => {
      const proof = createHash('sha1').update(
        `${asked.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
      )
      socket.write(
        `HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${proof.digest('base64')}\r\n\r\n`,
      )
      socket.once('data', () => (socket as Socket).resetAndDestroy())
    })
    const routes = [{ to: 'users', websocket: true }]
    const { gateway } = await workbench(t, { instances: [instance(port)], routes, config: { tls: tlsOf('a') } })
    const client = connectTls({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false })
    client.on('error', () => {})
    client.write(
      'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    const [head] = await once(client, 'data')
    assert.match(String(head), /^HTTP\/1\.1 101 /)
    client.write('x')
    await new Promise((resolve) => client.once('close', resolve))
    assert.equal(await shown(gateway.port, 'a.test'), 'a.test')
  })

  test('HTTP/2 by ALPN', async (t) => {
    const { gateway } = await secure(t, 'a')
    const session = connect(`https://127.0.0.1:${gateway.port}`, {
      servername: 'a.test',
      ca: readFileSync(certificates.a.ca),
    })
    t.after(() => session.destroy())
    const { headers, text } = await ask(session, { ':path': '/y' })
    assert.equal(headers[':status'], 200)
    assert.match(text, /"x-forwarded-proto":"https"/)
    assert.equal(session.alpnProtocol, 'h2')
  })

  test('each name has its certificate; who asks for another, or none, sees the first', async (t) => {
    const { gateway } = await secure(t, 'a', 'b', 'wild')
    const seen = await Promise.all(
      ['b.test', 'A.TEST', 'x.c.test', 'x.y.c.test', 'other.test', ''].map((name) => shown(gateway.port, name)),
    )
    assert.deepEqual(seen, ['b.test', 'a.test', '*.c.test', 'a.test', 'a.test', 'a.test'])
  })

  test('a reload shows other certificates from the next handshake on, and drops nothing', async (t) => {
    const { gateway } = await secure(t, 'a')
    const session = connect(`https://127.0.0.1:${gateway.port}`, {
      servername: 'a.test',
      ca: readFileSync(certificates.a.ca),
    })
    t.after(() => session.destroy())
    await ask(session, { ':path': '/' })
    gateway.reload({ port: gateway.port, routes: [{ to: 'users' }], tls: tlsOf('b') })
    assert.deepEqual([await shown(gateway.port, 'a.test'), await shown(gateway.port, '')], ['b.test', 'b.test'])
    assert.equal((await ask(session, { ':path': '/' })).headers[':status'], 200)
  })

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${maxVersion}: a session goes on through a reload, and not once its key is too old`, async (t) => {
      const clock = new VirtualClock()
      const { port } = await telling(t)
      const { gateway } = await workbench(t, { instances: [instance(port)], config: { tls: tlsOf('a') }, clock })
      let session: Buffer | undefined
      const goesOn = async () => {
        const where = { port: gateway.port, host: '127.0.0.1', servername: 'a.test', rejectUnauthorized: false }
        const socket = connectTls({ ...where, maxVersion, session })
        socket.on('session', (next) => {
          session = next
        })
        await once(socket, 'secureConnect')
        const isReused = socket.isSessionReused()
        // TLS 1.3 gives the ticket behind the handshake.
        socket.resume().write('GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n')
        await once(socket, 'close')
        return isReused
      }
      assert.deepEqual([await goesOn(), await goesOn()], [false, true])
      gateway.reload({ port: gateway.port, routes: [{ to: 'users' }], tls: tlsOf('a', 'b') })
      assert.equal(await goesOn(), true)
      for (const day of [1, 2]) {
        clock.advance(12 * 3_600_000)
        assert.deepEqual([day, await goesOn(), await goesOn()], [day, false, true])
      }
    })
  }

  test('no older version of TLS is spoken than is asked for, also after a reload', async (t) => {
    const { gateway } = await secure(t, 'a')
    const speaks = (maxVersion: SecureVersion, servername: string) =>
      new Promise((resolve) => {
        const where = { port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false, servername }
        const socket = connectTls({ ...where, minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' })
        socket.on('secureConnect', () => {
          resolve(socket.getProtocol())
          socket.destroy()
        })
        socket.on('error', () => resolve('no'))
      })
    const all = async () => {
      const said: unknown[] = []
      for (const name of ['a.test', '']) {
        for (const version of ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const) said.push(await speaks(version, name))
      }
      return said
    }
    assert.deepEqual(await all(), ['no', 'TLSv1.2', 'TLSv1.3', 'no', 'TLSv1.2', 'TLSv1.3'])
    gateway.reload({ port: gateway.port, routes: [{ to: 'users' }], tls: { ...tlsOf('a'), minVersion: 'TLSv1.3' } })
    assert.deepEqual(await all(), ['no', 'no', 'TLSv1.3', 'no', 'no', 'TLSv1.3'])
  })

  test('a reload with a certificate that cannot be used keeps the old one and says why', async (t) => {
    const { gateway } = await secure(t, 'a')
    const next = (tls: ReturnType<typeof tlsOf> | undefined) => () =>
      gateway.reload({ port: gateway.port, routes: [{ to: 'users' }], ...(tls && { tls }) })
    const named =
      (...keys: string[]) =>
      (error: unknown) =>
        error instanceof ConfigError && keys.every((key) => error.message.includes(key))
    assert.throws(
      next({ certificates: [{ cert: '/none.pem', key: certificates.a.key }] }),
      named('certificates[0].cert', '/none.pem'),
    )
    assert.throws(
      next({ certificates: [{ cert: certificates.a.cert, key: certificates.b.key }] }),
      named('certificates[0]'),
    )
    assert.throws(next({ certificates: [] }), named('tls.certificates'))
    assert.throws(next(undefined), named('tls'))
    assert.equal(await shown(gateway.port, 'a.test'), 'a.test')
  })

  test('clients in the middle of a handshake do not hold up the end', async (t) => {
    const { gateway } = await secure(t, 'a')
    const silent = connectTcp(gateway.port, '127.0.0.1')
    silent.on('error', () => {})
    await once(silent, 'connect')
    await shown(gateway.port, 'a.test')
    const closed = once(silent, 'close')
    await gateway.close()
    await closed
  })

  test('HTTP/2 over TLS counts against the most connections: one too many takes the place of the oldest idle one', async (t) => {
    const { port } = await telling(t)
    const bench = { instances: [instance(port)], config: { tls: tlsOf('a') }, limits: { connections: 2 } }
    const { gateway } = await workbench(t, bench)
    const ca = readFileSync(certificates.a.ca)
    const open = () => connect(`https://127.0.0.1:${gateway.port}`, { servername: 'a.test', ca }).on('error', () => {})
    const sessions = [open(), open()]
    t.after(() => sessions.forEach((session) => void session.destroy()))
    for (const session of sessions) await ask(session, { ':path': '/' })
    const closed = once(sessions[0]!, 'close')
    sessions.push(open())
    await ask(sessions[2]!, { ':path': '/' })
    await closed
    assert.equal(sessions[1]!.closed, false)
  })

  test('what is no TLS, and a client that hangs up in the middle of the handshake, harm nobody', async (t) => {
    const { gateway } = await secure(t, 'a')
    const plain = connectTcp(gateway.port, '127.0.0.1')
    plain.on('error', () => {})
    plain.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await new Promise((resolve) => plain.once('close', resolve))
    const half = connectTcp(gateway.port, '127.0.0.1', () => half.write(Buffer.from([22, 3, 1, 2, 0, 1])))
    half.on('error', () => {})
    await once(half, 'connect')
    half.resetAndDestroy()
    assert.equal(await shown(gateway.port, 'a.test'), 'a.test')
  })
})
