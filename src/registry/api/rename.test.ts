import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instance, testRegistry } from '../test-kit.fixture.ts'

test('an ID that gets another name takes its checks along, though no check changes', async () => {
  await using registry = await testRegistry()
  const checksOf = async (name: string) => ((await registry.get(`/v1/health/checks/${name}`)).json() as object[]).length
  await registry.put('/v1/agent/service/register', instance('web', 'i1'))
  assert.deepEqual([await checksOf('web'), await checksOf('api')], [1, 0])
  await registry.put('/v1/agent/service/register', { Name: 'api', ID: 'i1', Port: 80 })
  assert.deepEqual([await checksOf('web'), await checksOf('api')], [0, 1])
})
