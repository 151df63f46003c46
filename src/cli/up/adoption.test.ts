import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FakeFleet } from '../../control/fake-fleet.suite.ts'
import { type Clock, VirtualClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { startRegistry } from '../../registry/index.ts'
import { Adoption } from './adoption.ts'
import { planService } from './plan.ts'
import { RegistryLink } from './registry-link.ts'

/** A virtual clock that notes whether a timer keeps the process alive. */
class NotingClock extends VirtualClock implements Clock {
  readonly kept: boolean[] = []
  override after(ms: number, run: () => void, keepAlive = false) {
    this.kept.push(keepAlive)
    return super.after(ms, run)
  }
}

describe('a program that does not register', () => {
  test('is registered after two seconds, which nothing waits for', async () => {
    await using registry = await disposable(startRegistry({ port: 0, storage: 'memory' }))
    const client = new ConsulClient({ address: registry.url })
    const clock = new NotingClock()
    const fleet = new FakeFleet()
    const link = new RegistryLink(client, silentLogger, clock)
    const specs = new Map([['a', planService('a', { command: 'node a.js' }, '/')]])
    const adoption = new Adoption({ fleet, specs, registry: link, log: silentLogger, clock })
    const [instance] = fleet.list()
    adoption.changed(instance!)
    assert.deepEqual(clock.kept, [false])
    clock.advance(2000)
    const path = `/v1/agent/service/${instance!.id}`
    while ((await client.get(path)).status === 404);
    adoption.changed({ ...instance!, state: 'stopping' })
    await link.idle()
    assert.equal((await client.get(path)).status, 404)
    await client.close()
  })
})

async function disposable<T extends { close(): Promise<void> }>(started: Promise<T>): Promise<T & AsyncDisposable> {
  const one = await started
  return Object.assign(one, { [Symbol.asyncDispose]: () => one.close() })
}
