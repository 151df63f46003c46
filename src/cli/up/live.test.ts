import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { FakeFleet } from '../../control/fake-fleet.suite.ts'
import { systemClock } from '../../core/clock.ts'
import { createLogger, silentLogger } from '../../core/log.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import type { FleetConfig } from '../define.ts'
import { LiveConfig } from './live.ts'
import { planFleet } from './plan.ts'
import { RegistryLink } from './registry-link.ts'

const CONFIG: FleetConfig = {
  services: { users: { entry: './users.ts', instances: 2 }, orders: { entry: './orders.ts' } },
  gateway: { routes: [{ path: '/user/*', to: 'users' }] },
}
const plan = (config: FleetConfig) => planFleet(config, '/shop/skein.config.ts', { admin: 9901 })

/** Stands where the registry should: it refuses what is put while `status` is 500, and notes the rest. */
const registry = { status: 500, puts: [] as string[] }
const server = createServer((request, response) => {
  if (registry.status === 200) registry.puts.push(request.url!)
  response.writeHead(registry.status).end('true')
})
let consul: ConsulClient
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  consul = new ConsulClient({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
})
after(async () => {
  await consul.close()
  server.close()
})

function live(config: () => FleetConfig) {
  const lines: string[] = []
  const log = createLogger({}, undefined, { write: (text) => lines.push(text) })
  const fleet = new FakeFleet()
  const start = plan(CONFIG)
  const specs = new Map(start.services.map((spec) => [spec.name, spec]))
  const options = { plan: start, specs, fleet, log, read: async () => plan(config()), planned() {} }
  const link = new RegistryLink(consul, silentLogger, systemClock)
  return { fleet, lines, config: new LiveConfig({ ...options, registry: link }) }
}

describe('a saved config', () => {
  const services = { ...CONFIG.services, users: { entry: './users.ts', instances: 3 } }
  const gateway = { routes: [{ path: '/u/*', to: 'users' }] }

  test('of which one change fails is applied in the rest, and the next save tries that change again', async () => {
    registry.status = 500
    let wanted: FleetConfig = { services: { users: services.users }, gateway }
    const { fleet, lines, config } = live(() => wanted)
    await config.apply()
    // The gateway's settings could not be put, in the middle of the three.
    assert.deepEqual(fleet.asked, ['scale users 3', 'remove orders'])
    assert.match(lines.join(''), /"level":"error".*the gateway's new settings could not be applied/)
    registry.status = 200
    wanted = { ...wanted }
    await config.apply()
    assert.deepEqual(registry.puts, ['/v1/kv/skein/gateway/default'])
    assert.equal(fleet.asked.length, 2)
  })

  test('starts services that are new, lets go of those that are gone, and knows them by then', async () => {
    registry.status = 200
    let wanted: FleetConfig = { ...CONFIG, services: { ...CONFIG.services, more: { entry: './m.ts', instances: 2 } } }
    const { fleet, config } = live(() => wanted)
    await config.apply()
    wanted = { ...CONFIG, services: { ...CONFIG.services, more: { entry: './m.ts', instances: 4 } } }
    await config.apply()
    wanted = CONFIG
    await config.apply()
    await config.apply()
    assert.deepEqual(fleet.asked, ['add more 2', 'scale more 4', 'remove more'])
  })

  test('with a gateway that is new says so, and does not take the next change for one of it', async () => {
    let wanted: FleetConfig = { services: CONFIG.services }
    const { lines, config } = live(() => wanted)
    await config.apply()
    wanted = { services: CONFIG.services, gateway: CONFIG.gateway! }
    await config.apply()
    assert.match(lines.join(''), /gateway takes effect when skein up is started again/)
    assert.doesNotMatch(lines.join(''), /could not be applied/)
  })
})
