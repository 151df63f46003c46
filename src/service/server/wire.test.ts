import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../core/issues.ts'
import { adaptHandler } from '../adapt/node.ts'
import { op, service } from '../define.ts'
import { logged, raw, start } from '../harness.suite.ts'
import { serverSuite } from './server.suite.ts'

serverSuite('wire')

test('a stream that is not as long as was told is broken off, and the log says so', async () => {
  const lying = (length: string) => () =>
    new Response(new Blob(['ab']).stream(), { headers: { 'content-length': length } })
  const servable = service('lies', {
    long: op({ route: 'GET /long' }, lying('1')),
    short: op({ route: 'GET /short' }, lying('3')),
  })
  await using it = await start(servable, { server: 'wire' })
  await assert.rejects(it.ask('GET /long'))
  await logged(it.lines, ({ msg, err }) => msg === 'the answer broke off' && /longer/.test(JSON.stringify(err)))
  await assert.rejects(it.ask('GET /short'))
  await logged(it.lines, ({ msg, err }) => msg === 'the answer broke off' && /shorter/.test(JSON.stringify(err)))
})

test('a body that turns out to be no HTTP is a 400, with a line in the log', async () => {
  const servable = service('a', { say: op({}, () => 1) })
  await using it = await start(servable, { server: 'wire' })
  const head = 'POST /say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
  assert.match(await raw(it.port, `${head}1\r\n{\r\nzz\r\n`), /^HTTP\/1.1 400 .*BAD_REQUEST/s)
  await logged(it.lines, ({ kind, status }) => kind === 'access' && status === 400)
})

test('the server is said by option or SKEIN_SERVER; an app of another framework has the one that it needs', async () => {
  const app = adaptHandler('app', (_request, response) => response.end('ok'))
  const plain = service('a', { ok: op({ route: 'GET /ok' }, () => 1) })
  await assert.rejects(start(app, { server: 'wire' }), ConfigError)
  await assert.rejects(start(plain, { env: { SKEIN_SERVER: 'apache' } }), /SKEIN_SERVER: apache is no server/)
  {
    await using it = await start(app, { env: { SKEIN_SERVER: 'wire' } })
    assert.equal((await it.ask('GET /')).body, 'ok')
  }
  // Node tells how long it keeps a connection, our own engine does not.
  for (const [options, keepAlive] of [
    [{ env: {} }, null],
    [{ env: { SKEIN_SERVER: 'node' } }, 'timeout=5'],
    [{ server: 'node' as const, env: { SKEIN_SERVER: 'wire' } }, 'timeout=5'],
  ] as const) {
    await using it = await start(plain, options)
    assert.equal((await it.ask('GET /ok')).headers.get('keep-alive'), keepAlive)
  }
})
