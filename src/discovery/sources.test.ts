import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConsulClient } from './consul-client.ts'
import { startScriptedRegistry } from './kit.suite.ts'
import { consulSource } from './source/consul.ts'
import { staticSource } from './source/static.ts'
import { sourceSuite } from './source.suite.ts'
import { SOURCES } from './sources.ts'

sourceSuite('static', async (instances) => {
  const source = staticSource(instances)
  return { source, set: source.set, close: source.close }
})

sourceSuite('consul', async (instances) => {
  const registry = await startScriptedRegistry(instances)
  const client = new ConsulClient({ address: registry.url })
  const source = consulSource({ client })
  const close = async () => {
    await source.close()
    await client.close()
    await registry.down()
  }
  return { source, set: (next) => registry.set(next), close }
})

test('each built-in source has run the suite', () => {
  assert.deepEqual(Object.keys(SOURCES).sort(), ['consul', 'static'])
})
