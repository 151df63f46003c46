import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STEPS_MAX } from '../filter/steps.ts'
import { instance, testRegistry } from '../test-kit.fixture.ts'

const MESSAGE = new RegExp(`^filter ".+" takes more than ${STEPS_MAX} steps for one answer`)

test('a filter that would hold the registry for seconds is refused, by every endpoint that has one', async () => {
  await using registry = await testRegistry()
  const Meta = { long: 'a'.repeat(512) }
  await registry.put('/v1/agent/service/register', instance('web', 'web', { Meta }))
  await registry.put('/v1/agent/check/update/service:web', { Status: 'passing', Output: 'a'.repeat(2_000) })
  const dear = (selector: string) => `?filter=${encodeURIComponent(`${selector} matches "(((a?){19}){19}){9}b"`)}`
  for (const path of [
    `/v1/health/service/web${dear('Service.Meta.long')}`,
    `/v1/health/checks/web${dear('Output')}`,
    `/v1/health/state/any${dear('Output')}`,
    `/v1/catalog/service/web${dear('ServiceMeta.long')}`,
    `/v1/catalog/services${dear('ServiceMeta.long')}`,
    `/v1/catalog/node-services/node1${dear('Meta.long')}`,
    `/v1/agent/services${dear('Meta.long')}`,
    `/v1/agent/checks${dear('Output')}`,
  ]) {
    const { status, text } = await registry.get(path)
    assert.equal(status, 400, path)
    assert.match(text, MESSAGE, path)
  }
})

test('a held query whose filter has become too dear is refused then', async () => {
  await using registry = await testRegistry()
  await registry.put('/v1/agent/service/register', instance('web', 'web'))
  const filter = encodeURIComponent('Service.Meta.long matches "(((a?){19}){19}){9}b"')
  const path = `/v1/health/service/web?filter=${filter}`
  const { index, text } = await registry.get(path)
  assert.equal(text, '[]')
  const held = registry.get(`${path}&index=${index}&wait=20s`)
  await registry.put('/v1/agent/service/register', instance('web', 'web', { Meta: { long: 'a'.repeat(512) } }))
  const { status, text: refusal } = await held
  assert.equal(status, 400)
  assert.match(refusal, MESSAGE)
})
