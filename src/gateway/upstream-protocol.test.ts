import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import {
  connect,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { type Certificates, makeAuthority, needsCertificates } from '../../test/support/certificates.ts'
import { ConfigError } from '../core/issues.ts'
import { instance, workbench } from './workbench.suite.ts'

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: string) => void

/** Answers with what it got, and by which protocol. */
const telling: Serve = (stream, headers, body) => {
  stream.respond({ ':status': 200, 'x-scheme': String(headers[':scheme']) })
  stream.end(JSON.stringify({ path: headers[':path'], authority: headers[':authority'], body, headers }))
}

async function upstream(t: TestContext, server: Http2Server, serve: Serve = telling): Promise<number> {
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session) => sessions.add(session.on('error', () => {})))
  server.on('stream', (stream, headers) => {
    let body = ''
    stream.on('error', () => {})
    stream.on('data', (bytes) => {
      body += String(bytes)
    })
    stream.on('end', () => serve(stream as ServerHttp2Stream, headers, body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

for (const [what, change, route] of [
  ['its metadata', { meta: { protocol: 'h2c' } }, {}],
  ['a tag', { tags: ['v1', 'protocol=http2'] }, {}],
  ['the route', {}, { protocol: 'grpc' }],
] as const) {
  test(`an instance of HTTP/2 by ${what}: requests of HTTP/1.1 and HTTP/2 reach it, with bodies and all`, async (t) => {
    const port = await upstream(t, createServer())
    const { url, line } = await workbench(t, {
      instances: [instance(port, change)],
      routes: [{ to: 'users', preserveHost: false, ...route }],
    })
    const answer = await fetch(`${url}/a?b=c`, { method: 'POST', body: 'hello', headers: { 'x-own': '1' } })
    const told = (await answer.json()) as {
      path: string
      body: string
      authority: string
      headers: IncomingHttpHeaders
    }
    assert.deepEqual([told.path, told.body, told.headers['x-own']], ['/a?b=c', 'hello', '1'])
    assert.equal(told.authority, `127.0.0.1:${port}`)
    assert.deepEqual([answer.headers.get('x-scheme'), told.headers['content-length']], ['http', '5'])
    const large = 'x'.repeat(1_000_000)
    const second = (await (await fetch(url, { method: 'POST', body: large })).json()) as { body: string }
    assert.equal(second.body.length, large.length)
    assert.equal((await fetch(url, { method: 'HEAD' })).status, 200)
    assert.equal((await line(3)).status, 200)
  })
}

test('trailers that were announced pass from HTTP/2 to HTTP/2, and are left out for HTTP/1.1', async (t) => {
  const port = await upstream(t, createServer(), (stream) => {
    stream.respond({ ':status': 200, trailer: 'x-sum' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }))
    stream.end('body')
  })
  const { url } = await workbench(t, { instances: [instance(port, { meta: { protocol: 'h2c' } })] })
  const session = connect(url)
  t.after(() => session.destroy())
  const stream = session.request({ ':path': '/' })
  const trailers = once(stream, 'trailers')
  let text = ''
  for await (const bytes of stream) text += String(bytes)
  assert.deepEqual([text, (await trailers)[0]['x-sum']], ['body', '7'])
  assert.equal(await (await fetch(url)).text(), 'body')
})

test('trailers of a request go no further: no rule has looked at them', async (t) => {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer()
  server.on('stream', (stream) => stream.on('trailers', (trailers) => seen.push(trailers)))
  const port = await upstream(t, server)
  const { gateway, url } = await workbench(t, { instances: [instance(port, { meta: { protocol: 'h2c' } })] })
  const trailers = { 'x-skein-subject': 'root', 'x-forwarded-for': '6.6.6.6', authorization: 'Bearer x' }
  const lines = Object.entries(trailers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
  // In two pieces, or it would come as a whole.
  const socket = connectTcp(gateway.port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(`${head}3\r\nabc\r\n`)
  await new Promise<void>((resolve) => server.once('stream', () => resolve()))
  socket.write(`0\r\n${lines.join('')}\r\n`)
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
  const session = connect(url)
  t.after(() => session.destroy())
  for (const type of ['text/plain', 'application/grpc']) {
    const fields = { ':method': 'POST', 'content-type': type }
    const stream = session.request(fields, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    stream.write('abc')
    stream.end()
    await once(stream.resume(), 'close')
  }
  assert.deepEqual(seen, [])
})

test('certificates beside a protocol without TLS are a mistake of the config', async (t) => {
  const upstreamTls = { serverName: 'users.internal' }
  await assert.rejects(workbench(t, { routes: [{ to: 'users', protocol: 'grpc', upstreamTls }] }), (error) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.message, /upstreamTls: has no effect: grpc is without TLS/)
    return true
  })
})

test('a protocol that is none is a mistake of the config', async (t) => {
  const wrong = workbench(t, { routes: [{ to: 'users', protocol: 'gprc' }] })
  await assert.rejects(wrong, (error) => {
    assert.ok(error instanceof ConfigError)
    assert.deepEqual(
      error.issues.map(({ key, fix }) => [key, fix]),
      [['routes[0].protocol', 'Did you mean "grpc"?']],
    )
    return true
  })
})

describe('over TLS', { skip: needsCertificates() }, () => {
  let dir = ''
  let shop: Certificates
  let other: Certificates
  before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'skein-h2-'))
    shop = makeAuthority(dir)('shop.internal')
    const otherDir = mkdtempSync(path.join(dir, 'other-'))
    other = makeAuthority(otherDir)('shop.internal')
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  const secure = ({ cert, key, ca }: Certificates) =>
    createSecureServer({ cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(ca), requestCert: true })

  for (const name of ['shop.internal', undefined]) {
    test(`an instance whose certificate is for ${name ?? 'its address'} is spoken to`, async (t) => {
      const server = secure(shop)
      const subjects: unknown[] = []
      server.on('secureConnection', (socket) => subjects.push(socket.getPeerCertificate().subject?.CN))
      const port = await upstream(t, server)
      const { ca, cert, key } = shop
      const { url } = await workbench(t, {
        instances: [instance(port)],
        routes: [{ to: 'users', protocol: 'h2', upstreamTls: { ca, cert, key, ...(name && { serverName: name }) } }],
      })
      assert.equal((await fetch(url)).headers.get('x-scheme'), 'https')
      assert.deepEqual(subjects, ['shop.internal'])
    })
  }

  test('a private key that stands in the configuration as text is not shown on the admin port', async (t) => {
    const [cert, key] = [shop.cert, shop.key].map((file) => readFileSync(file, 'utf8')) as [string, string]
    // As files have it that hold both, or the parameters of its curve first.
    const behind = { cert, key: cert + key }
    const routes = [
      { to: 'users', protocol: 'h2', upstreamTls: { cert, key } },
      { path: '/other', to: 'users', protocol: 'h2', upstreamTls: behind },
    ]
    const { adminUrl } = await workbench(t, { instances: [], routes, defaults: { deadlineMs: 100 } })
    for (const page of ['routes', 'explain?path=/']) {
      const text = await (await fetch(`${adminUrl}/${page}`)).text()
      assert.match(text, /"key":"a private key"/)
      assert.doesNotMatch(text, /PRIVATE KEY/)
    }
  })

  test('a reload that changes nothing of its TLS keeps the connection, and so does another route with the same', async (t) => {
    const server = secure(shop)
    let connections = 0
    server.on('secureConnection', () => connections++)
    const port = await upstream(t, server)
    const { ca, cert, key } = shop
    const route = { to: 'users', protocol: 'h2', upstreamTls: { ca, cert, key, serverName: 'shop.internal' } }
    const { gateway, url } = await workbench(t, {
      instances: [instance(port)],
      routes: [route, { ...route, path: '/b' }],
    })
    const get = async (path: string) => assert.equal((await fetch(url + path)).status, 200)
    await get('/')
    gateway.reload({
      port: gateway.port,
      routes: [
        { ...route, timeoutMs: 4000 },
        { ...route, path: '/b' },
      ],
    })
    await get('/')
    await get('/b')
    assert.equal(connections, 1)
    gateway.reload({ port: gateway.port, routes: [{ ...route, upstreamTls: { ca, cert, key } }] })
    await get('/')
    assert.equal(connections, 2)
  })

  for (const [what, tls] of [
    ['is signed by somebody else', () => ({ ca: other.ca, serverName: 'shop.internal' })],
    ['is for another name', () => ({ ca: shop.ca, serverName: 'users.internal' })],
    ['nobody here knows', () => undefined],
  ] as const) {
    test(`a certificate that ${what} is refused, and nothing is sent`, async (t) => {
      const port = await upstream(t, secure(shop), () => assert.fail('asked'))
      const upstreamTls = tls()
      const { url, line } = await workbench(t, {
        instances: [instance(port)],
        routes: [{ to: 'users', protocol: 'h2', ...(upstreamTls && { upstreamTls }) }],
      })
      assert.equal((await fetch(url)).status, 503)
      assert.equal((await line()).code, 'UNREACHABLE')
    })
  }

  test('a server of TLS that does not speak HTTP/2 is refused', async (t) => {
    const server = createTlsServer({ cert: readFileSync(shop.cert), key: readFileSync(shop.key) }, (socket) =>
      socket.on('error', () => {}),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { url } = await workbench(t, {
      instances: [instance((server.address() as AddressInfo).port)],
      routes: [{ to: 'users', protocol: 'grpcs', upstreamTls: { ca: shop.ca } }],
    })
    assert.equal((await fetch(url)).status, 503)
  })

  test('files that cannot be read or used are mistakes of the config', async (t) => {
    for (const [upstreamTls, key] of [
      [{ ca: './nowhere.pem' }, 'routes[0].upstreamTls.ca'],
      [{ cert: shop.cert, key: other.key }, 'routes[0].upstreamTls'],
    ] as const) {
      await assert.rejects(workbench(t, { routes: [{ to: 'users', protocol: 'h2', upstreamTls }] }), (error) => {
        assert.ok(error instanceof ConfigError)
        assert.deepEqual(
          error.issues.map((issue) => issue.key),
          [key],
        )
        return true
      })
    }
  })
})
