import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRegistry } from '../index.ts'

test('answers that depend on a node follow its meta, though it moves neither services nor checks', async () => {
  const registry = await startRegistry({ port: 0 })
  const put = (path: string, body: object) =>
    fetch(registry.url + path, { method: 'PUT', body: JSON.stringify(body) }).then((answer) => answer.text())
  const get = async (path: string) => (await fetch(registry.url + path)).json()
  const node = { Node: 'n2', Address: '127.0.0.2' }
  try {
    await put('/v1/catalog/register', {
      ...node,
      NodeMeta: { k: '1' },
      Service: { Service: 'web' },
      Check: { Name: 'c' },
    })
    assert.deepEqual(await get('/v1/catalog/services?node-meta=k:1'), { web: [] })
    assert.equal(((await get('/v1/health/state/any?node-meta=k:1')) as unknown[]).length, 1)
    await put('/v1/catalog/register', { ...node, NodeMeta: { k: '2' } })
    assert.deepEqual(await get('/v1/catalog/services?node-meta=k:1'), {})
    assert.deepEqual(await get('/v1/health/state/any?node-meta=k:1'), [])
  } finally {
    await registry.close()
  }
})
