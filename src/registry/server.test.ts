import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { pino } from 'pino'
import { VirtualClock } from '../core/clock.ts'
import { ConfigError } from '../core/issues.ts'
import { startRegistry } from './index.ts'
import { instance, testRegistry } from './test-kit.fixture.ts'

interface Raw {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

/** fetch decides too much by itself: Host, Origin and encodings are the point here. */
function raw(
  url: string,
  method: string,
  headers: Record<string, string>,
  chunks: readonly string[] = [],
): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { method, headers, agent: false }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
      )
    })
    sending.on('error', reject)
    for (const chunk of chunks) sending.write(chunk)
    sending.end()
  })
}

test('only loopback names, addresses and the bound host are answered: DNS rebinding', async () => {
  await using registry = await testRegistry()
  const ask = async (host: string) => (await raw(`${registry.url}/v1/status/leader`, 'GET', { host })).status
  for (const host of [
    'localhost:8500',
    'LOCALHOST',
    '127.0.0.1',
    '[::1]:8500',
    '10.1.2.3:1',
    'x.localhost',
    'localhost.',
  ]) {
    assert.equal(await ask(host), 200, host)
  }
  for (const host of ['evil.example:8500', 'localhost.evil.example', '127.0.0.1.evil.example', '2130706433.x']) {
    assert.equal(await ask(host), 403, host)
  }
})

test('no page of another origin writes', async () => {
  await using registry = await testRegistry()
  const host = new URL(registry.url).host
  const write = async (headers: Record<string, string>) =>
    (await raw(`${registry.url}/v1/kv/x`, 'PUT', headers, ['v'])).status
  assert.equal(await write({}), 200)
  assert.equal(await write({ origin: `http://${host}` }), 200)
  assert.equal(await write({ 'sec-fetch-site': 'same-origin', origin: 'http://whatever' }), 200)
  assert.equal(await write({ origin: 'http://evil.example' }), 403)
  assert.equal(await write({ origin: 'null' }), 403)
  for (const site of ['cross-site', 'same-site']) assert.equal(await write({ 'sec-fetch-site': site }), 403)
})

test('listening beyond loopback without a token is refused, with the way out', async () => {
  for (const host of ['0.0.0.0', '::', '192.168.1.1', 'registry.internal']) {
    const refusal = await startRegistry({ host, port: 0 }).catch((error: unknown) => error)
    assert.ok(refusal instanceof ConfigError)
    assert.match(refusal.message, /host: listening on .* without a token .* Give it a token/)
  }
})

test('a token is asked for in every form that clients send it, and other schemes mean nothing', async () => {
  await using registry = await testRegistry({ host: '0.0.0.0', token: 's3cret' })
  const base = `http://127.0.0.1:${registry.port}`
  const ask = async (path: string, headers: Record<string, string> = {}) => raw(base + path, 'GET', headers)
  assert.equal((await ask('/v1/catalog/services')).status, 403)
  const wrong = await ask('/v1/catalog/services?token=guess')
  assert.deepEqual([wrong.status, String(wrong.body)], [403, 'ACL not found'])
  assert.equal((await ask('/v1/catalog/services?token=s3cret')).status, 200)
  assert.equal((await ask('/v1/catalog/services', { 'x-consul-token': 's3cret' })).status, 200)
  assert.equal((await ask('/v1/catalog/services', { authorization: 'bearer s3cret' })).status, 200)
  assert.equal(
    (await ask('/v1/catalog/services', { authorization: 'Basic Og==', 'x-consul-token': 's3cret' })).status,
    200,
  )
  assert.equal((await ask('/v1/status/leader')).status, 200)
  assert.equal((await ask('/metrics')).status, 403)
  const named = await ask('/v1/catalog/services', { host: 'registry.internal:8500', 'x-consul-token': 's3cret' })
  assert.equal(named.status, 200, 'a page that was led here has no token, so any name will do')
})

test('an old client that writes by GET is refused, and the log says so once', async () => {
  const lines: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
  await using registry = await testRegistry({ log })
  for (const path of ['check/pass/x', 'service/deregister/x', 'check/pass/x']) {
    const { status, body } = await raw(`${registry.url}/v1/agent/${path}`, 'GET', { 'user-agent': 'old/1' })
    assert.deepEqual([status, String(body)], [405, 'method GET not allowed'])
  }
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /old\/1/)
})

test('gzip from 1,400 bytes on, when asked for', async () => {
  await using registry = await testRegistry()
  for (let i = 0; i < 5; i++) await registry.put('/v1/agent/service/register', instance('web', `web-${i}`))
  const ask = (path: string, encoding: string) => raw(registry.url + path, 'GET', { 'accept-encoding': encoding })
  const plain = await ask('/v1/health/service/web', '')
  const zipped = await ask('/v1/health/service/web', 'deflate, gzip;q=1.0')
  assert.equal(plain.headers['content-encoding'], undefined)
  assert.equal(zipped.headers['content-encoding'], 'gzip')
  assert.deepEqual(gunzipSync(zipped.body), plain.body)
  assert.equal(zipped.headers['vary'], 'Accept-Encoding')
  assert.equal((await ask('/v1/health/service/web', 'gzip;q=0')).headers['content-encoding'], undefined)
  assert.equal((await ask('/v1/catalog/datacenters', 'gzip')).headers['content-encoding'], undefined)
})

test('the value limit counts the bytes that come, not those that are announced', async () => {
  await using registry = await testRegistry()
  const chunk = 'x'.repeat(65_536)
  const fits = await raw(`${registry.url}/v1/kv/big`, 'PUT', {}, Array(8).fill(chunk))
  assert.equal(fits.status, 200)
  const chunked = await raw(`${registry.url}/v1/kv/big`, 'PUT', {}, [...Array(8).fill(chunk), 'x'])
  assert.equal(chunked.status, 413)
  const announced = await raw(`${registry.url}/v1/kv/big`, 'PUT', { 'content-length': '524289' }, ['x'.repeat(524_289)])
  assert.match(String(announced.body), /^Request body\(524289 bytes\) too large, max size: 524288 bytes\. See /)
})

test('names and outputs cannot become markup, raw values cannot become a page', async () => {
  await using registry = await testRegistry()
  const evil = '<script>alert(1)</script>'
  await registry.put('/v1/agent/service/register', { Name: evil, Check: { TTL: '1m' } })
  await registry.put(`/v1/agent/check/fail/service:${encodeURIComponent(evil)}?note=${encodeURIComponent(evil)}`)
  await registry.put('/v1/kv/x', evil)
  for (const path of ['catalog/services', 'agent/checks', 'health/state/any', 'catalog/services?pretty']) {
    const { text } = await registry.get(`/v1/${path}`)
    assert.doesNotMatch(text, /<script>/, path)
  }
  const { headers } = await registry.get('/v1/kv/x?raw')
  assert.equal(headers.get('content-type'), 'text/plain')
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('content-security-policy'), 'sandbox')
})

test('many watchers of one query get the same answer, encoded once', async () => {
  await using registry = await testRegistry()
  for (let i = 0; i < 20; i++) await registry.put('/v1/agent/service/register', instance('web', `web-${i}`))
  const { index } = await registry.get('/v1/health/service/web?passing')
  const held = Array.from({ length: 40 }, () => registry.get(`/v1/health/service/web?passing&index=${index}&wait=1m`))
  while (!(await registry.get('/metrics')).text.includes('\nskein_registry_blocking_queries 40\n'));
  await registry.put('/v1/agent/check/fail/service:web-3')
  const answers = await Promise.all(held)
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1)
  assert.equal((answers[0]!.json() as unknown[]).length, 19)
})

test('a watcher that asks again with the index of its answer ends up with the final set, under random writes', async () => {
  await using registry = await testRegistry()
  let final = false
  const watch = async (path: string) => {
    let seen = await registry.get(path)
    while (!final || seen.index < (await registry.get(path)).index) {
      seen = await registry.get(`${path}?index=${seen.index}&wait=20ms`)
    }
    return seen.text
  }
  const paths = ['/v1/health/service/web', '/v1/catalog/services', '/v1/kv/p/?recurse'.replace('?recurse', 'x')]
  const watchers = paths.map(watch)
  for (let i = 0; i < 60; i++) {
    const id = `web-${(i * 7) % 5}`
    if (i % 3 === 0) await registry.put(`/v1/agent/service/deregister/${id}`)
    else await registry.put('/v1/agent/service/register', instance('web', id, { Port: i + 1 }))
    await registry.put('/v1/kv/p/x', String(i))
  }
  final = true
  for (const [i, text] of (await Promise.all(watchers)).entries())
    assert.equal(text, (await registry.get(paths[i]!)).text)
})

test('four quick writes of a key are four changes to a watcher that asks again at once', async () => {
  await using registry = await testRegistry()
  const seen: string[] = []
  let { index } = await registry.get('/v1/kv/w')
  for (const value of ['1', '2', '3', '4']) {
    const held = registry.get(`/v1/kv/w?index=${index}&wait=1m&raw`)
    await registry.put('/v1/kv/w', value)
    const answer = await held
    seen.push(answer.text)
    index = answer.index
  }
  assert.deepEqual(seen, ['1', '2', '3', '4'])
})

test('closing answers held queries with the data of that moment', async () => {
  const registry = await testRegistry()
  const { index } = await registry.get('/v1/catalog/services')
  const held = registry.get(`/v1/catalog/services?index=${index}&wait=5m`)
  while (!(await registry.get('/metrics')).text.includes('\nskein_registry_blocking_queries 1\n'));
  await Promise.all([registry.close(), registry.close()])
  const { status, text } = await held
  assert.deepEqual([status, text], [200, '{"consul":[]}'])
})

test('a client that goes away frees its watcher', async () => {
  await using registry = await testRegistry()
  const client = new AbortController()
  const held = fetch(`${registry.url}/v1/catalog/services?index=1&wait=5m`, { signal: client.signal })
  while (!(await registry.get('/metrics')).text.includes('\nskein_registry_blocking_queries 1\n'));
  client.abort()
  await assert.rejects(held)
  while (!(await registry.get('/metrics')).text.includes('\nskein_registry_blocking_queries 0\n'));
})

test('after a restart everything is there, the index goes on above its old value, TTL checks have a full TTL', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-registry-'))
  const storage = { sqlite: join(folder, 'r.db') }
  const clock = new VirtualClock()
  const first = await testRegistry({ storage, clock })
  await first.put('/v1/agent/service/register', instance('web', 'web-1', { Check: { TTL: '10s', Status: 'passing' } }))
  await first.put('/v1/agent/service/register', instance('web', 'web-2'))
  await first.put('/v1/agent/service/deregister/web-2')
  await first.put('/v1/kv/k?flags=18446744073709551615', 'v')
  const before = await first.get('/v1/health/service/web')
  const pair = await first.get('/v1/kv/k')
  await first.close()

  await using second = await testRegistry({ storage, clock, nodeName: undefined })
  const after = await second.get('/v1/health/service/web')
  assert.equal(after.text, before.text)
  assert.ok(after.index >= before.index)
  assert.equal((await second.get('/v1/kv/k')).text, pair.text)
  await second.put('/v1/kv/more', 'v')
  assert.ok((await second.get('/v1/kv/more')).index > pair.index)
  clock.advance(9_999)
  assert.equal((await second.get('/v1/health/service/web')).text, before.text)
  const held = second.get(`/v1/health/service/web?index=${after.index}&wait=5m`)
  while (!(await second.get('/metrics')).text.includes('\nskein_registry_blocking_queries 1\n'));
  clock.advance(1)
  assert.match((await held).text, /"Status":"critical","Notes":"","Output":"TTL expired"/)
  rmSync(folder, { recursive: true })
})

test('another node name keeps the services: the node is renamed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-registry-'))
  const storage = { sqlite: join(folder, 'r.db') }
  const first = await testRegistry({ storage, nodeName: 'before' })
  await first.put('/v1/agent/service/register', instance('web', 'web-1'))
  await first.close()
  await using second = await testRegistry({ storage, nodeName: 'after' })
  assert.deepEqual(Object.keys((await second.get('/v1/agent/services')).json() as object), ['web-1'])
  const nodes = (await second.get('/v1/catalog/nodes')).json() as { Node: string }[]
  assert.deepEqual(
    nodes.map(({ Node }) => Node),
    ['after'],
  )
  assert.equal((await second.put('/v1/agent/check/warn/service:web-1')).status, 200)
  rmSync(folder, { recursive: true })
})

test('a service that is critical for too long is removed, exactly then and not below the floor', async () => {
  const clock = new VirtualClock()
  await using registry = await testRegistry({ clock })
  const Check = { TTL: '10s', Status: 'passing', DeregisterCriticalServiceAfter: '5s' }
  await registry.put('/v1/agent/service/register', instance('web', 'dies', { Check }))
  await registry.put('/v1/agent/service/register', instance('web', 'recovers', { Check }))
  const ids = async () => Object.keys((await registry.get('/v1/agent/services')).json() as object)
  await registry.put('/v1/agent/check/fail/service:dies')
  await registry.put('/v1/agent/check/fail/service:recovers')
  clock.advance(9_000)
  await registry.put('/v1/agent/check/pass/service:recovers')
  clock.advance(50_999)
  assert.deepEqual(await ids(), ['dies', 'recovers'])
  clock.advance(1)
  assert.deepEqual(await ids(), ['recovers'])
})

test('times below zero count as not given, as in Consul', async () => {
  const clock = new VirtualClock()
  await using registry = await testRegistry({ clock })
  const Check = { TTL: '10s', Status: 'critical', DeregisterCriticalServiceAfter: '-5s', Timeout: '-1s' }
  await registry.put('/v1/agent/service/register', instance('web', 'stays', { Check }))
  clock.advance(3_600_000)
  assert.deepEqual(Object.keys((await registry.get('/v1/agent/services')).json() as object), ['stays'])
})

test('a running check: first result counts, its output is shown without moving an index, deregistering stops it', async () => {
  let status = 200
  let runs = 0
  const { createServer } = await import('node:http')
  const app = createServer((_request, response) => {
    response.statusCode = status
    response.end(`run ${++runs}`)
  })
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  const { port } = app.address() as { port: number }
  const clock = new VirtualClock()
  await using registry = await testRegistry({ clock, random: () => 0 })
  const Check = {
    CheckID: 'h',
    HTTP: `http://127.0.0.1:${port}/`,
    Interval: '10s',
    Timeout: '1h',
    FailuresBeforeCritical: 1,
  }
  await registry.put('/v1/agent/service/register', { Name: 'app', Check })
  const read = async () => {
    const { index, text } = await registry.get('/v1/health/checks/app')
    const [{ Status, Output }] = JSON.parse(text) as [{ Status: string; Output: string }]
    return { index, seen: `${Status}: ${Output.replace(/^.*Output: /, '')}` }
  }
  const runUntil = async (expected: string) => {
    clock.advance(10_000)
    for (let state = await read(); ; state = await read()) if (state.seen === expected) return state.index
  }
  const first = await runUntil('passing: run 1')
  assert.equal(await runUntil('passing: run 2'), first, 'an output alone moves no index')
  status = 500
  assert.equal(await runUntil('passing: run 3'), first, 'one failure is not enough')
  assert.ok((await runUntil('critical: run 4')) > first)
  await registry.put('/v1/agent/service/deregister/app')
  clock.advance(60_000)
  assert.equal(runs, 4)
  app.close()
})

test('a full disk is a 500 that says so, and reads go on', async () => {
  const { Store } = await import('./store.ts')
  const { SqliteStorage } = await import('./storage/sqlite.ts')
  const folder = mkdtempSync(join(tmpdir(), 'skein-registry-'))
  const store = new Store(new SqliteStorage({ file: join(folder, 'r.db'), maxBytes: 40 * 4096 }))
  await store.open()
  const value = 'x'.repeat(50_000)
  const write = (key: string) => store.write({ type: 'kv-set', key, value, flags: '0' })
  const outcomes = []
  for (const key of ['a', 'b', 'c', 'd', 'e']) outcomes.push(await write(key).catch((error: Error) => error))
  const failed = outcomes.filter((outcome) => outcome instanceof Error)
  assert.ok(failed.length > 0)
  assert.match(failed[0]!.message, /the disk is full; free some space/)
  assert.equal(store.state.kv.size, outcomes.length - failed.length)
  assert.equal(store.state.index, store.state.kv.size)
  await store.close()
  rmSync(folder, { recursive: true })
})
