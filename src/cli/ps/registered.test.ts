import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { startRegistry } from '../../registry/index.ts'
import { startRegistration } from '../../service/registration.ts'
import { registeredInstances } from './registered.ts'

test('what an instance refuses a second is known with its next beat, and forgotten when it refuses nothing', async () => {
  const registry = await startRegistry({ port: 0 })
  const consul = new ConsulClient({ address: registry.url })
  const clock = new VirtualClock()
  let refused = 0
  const registration = startRegistration({
    ...{ id: 'users-1', name: 'users', address: '127.0.0.1', port: 1, tags: [], meta: {}, weight: 1 },
    // 0.5: a beat each 3 s.
    ...{ check: { tcp: true }, refused: () => refused, consul, clock, random: () => 0.5, log: silentLogger },
  })
  /** Moves time until the registry has heard of so many a second. */
  const heard = async (perSecond: number) => {
    const seen = new Set<number | undefined>()
    for (let i = 0; i < 500; i++) {
      const [instance] = await registeredInstances(consul)
      if (instance?.refusing === perSecond) return
      seen.add(instance?.refusing)
      clock.advance(100)
    }
    assert.fail(`never ${perSecond}, but ${[...seen]}`)
  }
  try {
    await registration.attempted
    await heard(0)
    refused = 30
    await heard(10)
    await heard(0)
  } finally {
    await registration.deregister()
    await consul.close()
    await registry.close()
  }
})
