/** A canary: a registry that forgets, and one that makes something up, must be found out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { request } from 'undici'
import { freePort } from '../../../src/core/free-port.ts'
import { seeded } from '../../../src/core/random.ts'
import { startRegistry } from '../../../src/registry/index.ts'
import { eventually } from '../../support/up.ts'
import { createWriter } from './writer.ts'

test('the writer finds lost writes, invented ones and an index that fell back', async (t) => {
  const port = await freePort()
  let registry = await startRegistry({ port })
  t.after(() => registry.close())
  const writer = createWriter(registry.url, seeded(1))
  t.after(() => writer.close())
  await writer.write(100)
  assert.equal(writer.acknowledged, 100)
  assert.deepEqual(await writer.check('running'), { lost: [], invented: [], indexBehind: false })
  await (await request(`${registry.url}/v1/kv/key/foreign`, { method: 'PUT', body: 'x' })).body.dump()
  assert.deepEqual((await writer.check('running')).invented, ['key/foreign'])
  await registry.close()
  registry = await startRegistry({ port })
  const { lost, indexBehind } = await eventually('an answer', () => writer.check('restarted')) // kept connections break first
  assert.ok(lost.length > 50)
  assert.equal(indexBehind, true)
})
