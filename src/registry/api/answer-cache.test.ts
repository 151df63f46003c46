import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../core/clock.ts'
import { OPEN_ACCESS } from '../acl/access-control.ts'
import { UNLIMITED } from '../acl/rights.ts'
import { MemoryStorage } from '../storage/memory.ts'
import { Store } from '../store.ts'
import { AnswerCache } from './answer-cache.ts'
import type { ApiRequest, Registry } from './endpoint.ts'
import { KV } from './kv.ts'
import { QueryString } from './query-string.ts'

async function keys() {
  const store = new Store(new MemoryStorage())
  await store.open()
  const access = OPEN_ACCESS
  const registry = { store, access, cache: new AnswerCache(), clock: systemClock, random: () => 0 } as Partial<Registry>
  const get = async (name: string, query: string) => {
    const asked = { method: 'GET', path: '/v1/kv/', name, query: new QueryString(query) }
    const request: Partial<ApiRequest> = { ...asked, peer: undefined, token: undefined, rights: UNLIMITED }
    return KV[0]!.GET!(request as ApiRequest, registry as Registry)
  }
  const put = (key: string, value: string) => store.write({ type: 'kv-set', key, value, flags: '0' })
  return { get, put, remove: (key: string) => store.write({ type: 'kv-delete', key, recurse: false }) }
}

test('keys under a prefix are encoded once for all who ask until one of them changes', async () => {
  const { get, put } = await keys()
  await put('a/b', 'eA==')
  await put('a/c', 'eQ==')
  for (const query of ['recurse', 'keys', 'keys&separator=/', 'keys&seperator=b']) {
    const first = (await get('a', query)).body
    assert.notEqual(first, undefined)
    await put('other', query)
    assert.equal((await get('a', `${query}&invented=1`)).body, first, query)
    await put('a/c', 'eg==')
    assert.notEqual((await get('a', query)).body, first, query)
    await put('a/c', 'eQ==')
  }
})

test('a key is encoded once for all who wait for it, and kept for nobody else', async () => {
  const { get, put } = await keys()
  await put('a', 'eA==')
  for (const query of ['index=0', 'index=0&raw']) {
    const first = (await get('a', query)).body
    assert.equal((await get('a', query)).body, first, query)
    await put('a', 'eQ==')
    assert.notEqual((await get('a', query)).body, first, query)
    await put('a', 'eA==')
  }
  assert.equal((await get('a', 'index=0&raw')).body?.bytes.toString(), 'x')
  assert.match((await get('a', 'index=0')).body?.bytes.toString() ?? '', /"Value":"eA=="/)
  assert.notEqual((await get('a', '')).body, (await get('a', '')).body)
})

test('each form of a question about a prefix has an answer of its own', async () => {
  const { get, put } = await keys()
  await put('a/b/c', 'eA==')
  const text = async (query: string) => (await get('a/', query)).body?.bytes.toString()
  assert.equal(await text('keys'), '["a/b/c"]')
  assert.equal(await text('keys&separator=/'), '["a/b/"]')
  assert.equal(await text('keys&separator=b'), '["a/b"]')
  assert.equal(await text('keys&seperator=/'), '["a/b/"]')
  assert.match((await text('recurse')) ?? '', /"Value":"eA=="/)
})

test('nothing under a prefix stays a 404, asked once or twice, before and after', async () => {
  const { get, put, remove } = await keys()
  const seen = async () => [
    (await get('a', 'recurse')).status,
    (await get('a', 'keys')).status,
    (await get('', 'keys')).status,
  ]
  assert.deepEqual([await seen(), await seen()].flat(), [404, 404, 200, 404, 404, 200])
  await put('a/b', 'eA==')
  assert.deepEqual(await seen(), [200, 200, 200])
  await remove('a/b')
  assert.deepEqual([await seen(), await seen()].flat(), [404, 404, 200, 404, 404, 200])
})
