/** Not open by accident: who is let in to ask at all, before any right is looked at. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPEN_ACCESS } from '../acl/access-control.ts'
import { startRegistry } from '../index.ts'
import { createGuard, type GuardOptions } from './guard.ts'
import { QueryString } from './query-string.ts'

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** 200 or the refusal's text. */
function ask(
  options: Partial<GuardOptions>,
  { method = 'GET', path = '/v1/catalog/services', query = '', headers = {} }: Asked,
) {
  const guard = createGuard({ host: '127.0.0.1', access: OPEN_ACCESS, ...options })
  try {
    guard.check({ method, query: new QueryString(query), header: (name) => headers[name] }, path)
    return 200
  } catch (error) {
    return (error as Error).message
  }
}

const closed = { access: { enabled: true } }
const foreign = { host: 'registry.example:8500' }

test('a foreign Host is refused with the way out, and let in when it was allowed', () => {
  assert.match(String(ask({}, { headers: foreign })), /Host "registry\.example" .*--allow-host/)
  assert.equal(ask({ allowedHosts: ['Registry.example'] }, { headers: foreign }), 200)
  assert.equal(ask({ host: 'registry.example' }, { headers: foreign }), 200)
  assert.notEqual(ask({ allowedHosts: ['example'] }, { headers: foreign }), 200)
})

test('with ACLs off a token is none: it opens nothing to a page', () => {
  assert.notEqual(ask({}, { headers: { ...foreign, 'x-consul-token': 'anything' } }), 200)
})

test('with ACLs a request that brings a token is no page; one without is refused by a foreign name', () => {
  assert.notEqual(ask(closed, { headers: foreign }), 200)
  assert.equal(ask(closed, { headers: { ...foreign, 'x-consul-token': 'x' } }), 200)
  assert.equal(ask(closed, { headers: { ...foreign, authorization: 'Bearer x' } }), 200)
  assert.equal(ask(closed, { query: 'token=x', headers: foreign }), 200)
  assert.notEqual(ask(closed, { headers: { ...foreign, authorization: 'Basic x' } }), 200)
  for (const path of ['/health/ready', '/health/live', '/v1/status/leader']) {
    assert.equal(ask(closed, { path, headers: foreign }), 200, path)
  }
})

test('curl, Prometheus and SDKs write and read as ever', () => {
  for (const headers of [
    { host: '127.0.0.1:8500', 'user-agent': 'curl/8', 'content-type': 'application/x-www-form-urlencoded' },
    { host: 'localhost:8500', 'user-agent': 'Prometheus/3', authorization: 'Basic Og==' },
    { host: '[::1]:8500', 'user-agent': 'python-requests/2' },
    { host: '10.0.0.7:8500', 'user-agent': 'Go-http-client/1.1' },
  ]) {
    assert.equal(ask({}, { headers }), 200)
    assert.equal(ask({}, { method: 'PUT', headers }), 200)
  }
})

test('writes of pages from elsewhere are refused, with a token, too', () => {
  const host = 'localhost:8500'
  for (const page of [{ origin: 'http://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }]) {
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH']) {
      assert.equal(ask({}, { method, headers: { host, ...page } }), 'Cross-origin writes are not allowed')
      assert.notEqual(ask(closed, { method, headers: { host, 'x-consul-token': 'x', ...page } }), 200)
    }
  }
  assert.equal(ask({}, { method: 'PUT', headers: { host, origin: `http://${host}` } }), 200)
})

test('beyond loopback: with ACLs that deny, with a token, or when told so', async () => {
  const open = async (options: object) => {
    try {
      await (await startRegistry({ host: '0.0.0.0', port: 0, ...options })).close()
      return 'serves'
    } catch (error) {
      return (error as Error).message
    }
  }
  assert.equal(await open({ acl: {} }), 'serves')
  assert.equal(await open({ token: 'x' }), 'serves')
  assert.equal(await open({ unprotected: true }), 'serves')
  for (const options of [{}, { token: '' }, { acl: { defaultPolicy: 'allow' } }, { unprotected: false }]) {
    assert.match(await open(options), /would let everyone on the network change every service.*unprotected/)
  }
})
