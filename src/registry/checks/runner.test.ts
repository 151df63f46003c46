import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { Metrics } from '../../telemetry/metrics.ts'
import { registryMetrics } from '../metrics.ts'
import { MemoryStorage } from '../storage/memory.ts'
import type { Decide } from '../storage.ts'
import { Store } from '../store.ts'
import { CheckRunner } from './runner.ts'

const MINUTE_MS = 60_000

/** Writes wait for whoever lets them go on. */
class Held extends MemoryStorage {
  refuse: ((error: Error) => void) | undefined
  hold = false

  override write(decide: Decide): Promise<void> {
    if (!this.hold) return super.write(decide)
    this.hold = false
    return new Promise((_resolve, reject) => {
      this.refuse = reject
    })
  }
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

/** One service with a TTL check that is critical from the start and removes it after a minute. */
async function critical() {
  const storage = new Held()
  const clock = new VirtualClock()
  const store = new Store(storage, clock)
  await store.open()
  const check = {
    CheckID: 'c',
    ServiceID: 's',
    Name: 'c',
    Status: 'critical',
    Notes: '',
    Output: '',
    Type: 'ttl',
  } as const
  await store.write({
    type: 'register',
    node: { Node: 'n1', ID: '', Address: '', TaggedAddresses: null, Meta: null },
    skipNodeUpdate: true,
    service: {
      ...{ ID: 's', Service: 'web', Tags: [], Address: '', Meta: null, Port: 80 },
      ...{ Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false },
    },
    checks: [
      {
        ...check,
        ...{ Interval: '', Timeout: '', Definition: {}, definition: { ttlMs: 1e9, deregisterAfterMs: MINUTE_MS } },
      },
    ],
    keepStatus: true,
    replaceChecks: false,
  })
  const counters = registryMetrics(new Metrics())
  const runner = new CheckRunner({ store, node: 'n1', clock, random: () => 0, log: silentLogger, counters })
  runner.start()
  const pass = async (ms: number) => {
    clock.advance(ms)
    await settle()
  }
  return { storage, runner, pass, isThere: () => store.state.services.size === 1 }
}

test('a service that could not be deregistered is tried again a minute later', async () => {
  const { storage, runner, pass, isThere } = await critical()
  storage.hold = true
  await pass(MINUTE_MS)
  storage.refuse!(new Error('disk full'))
  await settle()
  assert.equal(isThere(), true)
  await pass(MINUTE_MS)
  assert.equal(isThere(), false)
  runner.stop()
})

test('a service that recovers while the disk refuses to deregister it stays', async () => {
  const { storage, runner, pass, isThere } = await critical()
  storage.hold = true
  await pass(MINUTE_MS)
  await runner.beat('c', 'passing', '')
  storage.refuse!(new Error('disk full'))
  await settle()
  await pass(10 * MINUTE_MS)
  assert.equal(isThere(), true)
  await runner.beat('c', 'critical', '')
  await pass(MINUTE_MS)
  assert.equal(isThere(), false, 'and goes if it turns critical anew')
  runner.stop()
})
