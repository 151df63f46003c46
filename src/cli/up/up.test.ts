import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import path from 'node:path'
import { describe, test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { freePort } from '../../core/free-port.ts'
import type { InstanceInfo } from '../../fleet/contract.ts'
import { Failure } from '../command.ts'
import type { FleetConfig } from '../define.ts'
import { plain } from '../ui/terminal.ts'
import { changesBetween } from './changes.ts'
import { type PortChoice, planFleet, systemSpecs } from './plan.ts'
import { refuseTakenPorts, wantedPorts } from './ports.ts'
import { Rates } from './rates.ts'
import { summary } from './summary.ts'
import { FleetTokens } from './tokens.ts'
import { curlLine, samplePath, tryLines } from './try-lines.ts'

const FILE = '/shop/skein.config.ts'
const CONFIG: FleetConfig = {
  services: {
    users: { entry: './users/service.ts', instances: 2 },
    orders: { command: "node 'my app.js'", instances: 3, weight: [5, 1, 1], env: { A: '1' }, cwd: 'orders' },
  },
  gateway: { routes: [{ path: '/user/*', to: 'users' }] },
}
const plan = (config: FleetConfig = CONFIG, ports: PortChoice = { admin: 9901 }) => planFleet(config, FILE, ports)

describe('a plan', () => {
  test('fills in ports and folders, relative to the config', () => {
    const { registry, gateway, services } = plan()
    assert.deepEqual(registry, {
      url: 'http://127.0.0.1:8500',
      start: { host: '127.0.0.1', port: 8500, dnsPort: 8600, data: path.resolve('/shop/.skein/registry') },
    })
    assert.equal(gateway?.url, 'http://127.0.0.1:8080')
    assert.equal(gateway?.config.port, 8080)
    assert.equal(services[0]?.entry, path.resolve('/shop/users/service.ts'))
    assert.deepEqual(services[1]?.command, ['node', 'my app.js'])
    assert.equal(services[1]?.cwd, path.resolve('/shop/orders'))
    assert.deepEqual(services[1]?.weights, [5, 1, 1])
  })

  test('takes ports of the command line before those of the config', () => {
    const { registry, gateway } = plan(CONFIG, { gateway: 1234, registry: 2345, admin: 3456 })
    assert.equal(registry.url, 'http://127.0.0.1:2345')
    assert.equal(gateway?.url, 'http://127.0.0.1:1234')
    assert.equal(gateway?.config.port, 1234)
  })

  test('starts no registry where one runs elsewhere, and no gateway where none is wanted', () => {
    const elsewhere = plan({ services: {}, registry: { address: 'http://consul:8500/' }, gateway: false })
    assert.deepEqual(elsewhere.registry, { url: 'http://consul:8500' })
    assert.deepEqual(systemSpecs(elsewhere), [])
    assert.deepEqual(
      systemSpecs(plan()).map(({ name, port, system }) => [name, port, system]),
      [
        ['registry', 8500, true],
        ['gateway', 8080, true],
      ],
    )
  })
})

describe('the plan of a closed fleet', () => {
  const tokens = new FleetTokens({ SKEIN_REGISTRY_TOKEN: 'mine' })
  const closed = (services = CONFIG.services) =>
    planFleet({ ...CONFIG, services, registry: { acl: true } }, FILE, { admin: 9901 }, tokens)
  const tokenOf = ({ env }: { env: Readonly<Record<string, string>> }) => env['SKEIN_REGISTRY_TOKEN']

  test('gives each part a token of its own, the same each time it is read', () => {
    const [registry, gateway] = systemSpecs(closed())
    assert.ok(registry?.command?.includes('--acl'))
    assert.equal(tokenOf(registry!), 'mine')
    const all = [registry!, gateway!, ...closed().services].map(tokenOf)
    assert.equal(new Set(all).size, 4)
    assert.deepEqual(changesBetween(closed(), closed()), [])
    assert.equal(closed().services[0]?.env['CONSUL_HTTP_TOKEN'], tokenOf(closed().services[0]!))
  })

  test('leaves what the config says for a service, and an open one without', () => {
    const own = { users: { entry: './users.ts', env: { SKEIN_REGISTRY_TOKEN: 'its own' } } }
    assert.equal(tokenOf(closed(own).services[0]!), 'its own')
    const open = planFleet(CONFIG, FILE, { admin: 9901 }, tokens)
    assert.equal(tokenOf(open.services[0]!), undefined)
    assert.ok(!systemSpecs(open)[0]?.command?.includes('--acl'))
  })
})

describe('a changed config', () => {
  const change = (config: Partial<FleetConfig>) => changesBetween(plan(), plan({ ...CONFIG, ...config }))
  const service = (name: 'users' | 'orders', value: object) =>
    change({ services: { ...CONFIG.services, [name]: { ...CONFIG.services[name], ...value } } }).map(({ kind }) => kind)
  const { users, orders } = CONFIG.services as { users: object; orders: object }

  test('without a difference changes nothing', () => assert.deepEqual(change({}), []))

  test('of counts scales, of weights reweighs, of programs restarts', () => {
    assert.deepEqual(service('users', { instances: 3 }), ['scale'])
    assert.deepEqual(service('orders', { weight: [1, 1, 1] }), ['weights'])
    assert.deepEqual(service('orders', { instances: 4, weight: [1, 1, 1, 9] }), ['weights', 'scale'])
    assert.deepEqual(service('orders', { env: { A: '2' } }), ['restart'])
    assert.deepEqual(service('users', { entry: './users/other.ts' }), ['restart'])
    assert.deepEqual(service('orders', { env: { A: '2' }, instances: 1, weight: 1 }), ['restart', 'scale'])
  })

  test('of routes is for the gateway, of its port for another time', () => {
    const routes = [{ path: '/u/*', to: 'users' }]
    assert.deepEqual(change({ gateway: { routes } }), [{ kind: 'gateway' }])
    assert.deepEqual(change({ gateway: { routes, port: 81 } }), [
      { kind: 'gateway' },
      { kind: 'later', what: 'gateway.port' },
    ])
    assert.deepEqual(change({ gateway: false }), [{ kind: 'later', what: 'gateway' }])
    assert.deepEqual(change({ registry: { port: 1 } }), [{ kind: 'later', what: 'registry' }])
  })

  test('removes what is gone, starts what is new, and both where the port differs', () => {
    assert.deepEqual(change({ services: { users } as never }), [{ kind: 'remove', service: 'orders' }])
    const [start] = change({ services: { users, orders, more: { entry: './m.ts' } } as never })
    assert.ok(start?.kind === 'start' && start.spec.name === 'more')
    assert.deepEqual(service('users', { instances: 1, port: 4000 }), ['remove', 'start'])
  })
})

describe('lines to try', () => {
  test('a route gets a request that takes it', () => {
    const url = 'http://127.0.0.1:8080'
    assert.equal(curlLine({ path: '/user/*', to: 'users' }, url), `curl ${url}/user/1`)
    assert.equal(curlLine({ to: 'users' }, url), `curl ${url}/`)
    assert.equal(
      curlLine({ path: '/a/:id/b', methods: ['POST'], host: '*.shop.example', headers: { 'x-v': '2' }, to: 'a' }, url),
      `curl -X POST -H 'host: www.shop.example' -H 'x-v: 2' ${url}/a/1/b`,
    )
    assert.equal(curlLine({ path: '/a', query: { b: '1', c: true }, to: 'a' }, url), `curl '${url}/a?b=1&c=1'`)
    assert.equal(samplePath('/order/:id/items/*'), '/order/1/items/1')
  })

  test('commands fit the fleet', () => {
    const lines = tryLines(plan(), 'npx skein').map(([line]) => line)
    assert.ok(lines.includes('npx skein scale orders=5'))
    assert.ok(lines.includes('npx skein explain GET /user/1'))
    assert.deepEqual(
      tryLines(plan({ services: {} }), 'skein').map(([line]) => line),
      ['skein ps', 'skein logs -f'],
    )
  })
})

test('the summary tells what is ready, what is not and why', () => {
  const info = (service: string, ordinal: number): InstanceInfo => ({
    ...{ id: `${service}-${ordinal}`, service, ordinal, state: 'ready', port: 4000 + ordinal, weight: 1, restarts: 0 },
  })
  const failed = { ...info('orders', 2), state: 'backoff' as const, lastError: 'exit 1: Error: no database' }
  const text = (instances: readonly InstanceInfo[]) =>
    summary({ plan: plan(), instances, tookMs: 1234, lines: [['curl x', 'y']], paint: plain }).join('\n')
  assert.match(text([info('users', 1), info('users', 2)]), /✓ ready in 1\.2 s.*users +2\/2 +4001 4002.*curl x +y/s)
  const bad = text([info('users', 1), info('orders', 1), failed])
  assert.match(bad, /! 2 of 3 instances ready/)
  assert.match(bad, /orders +1\/2 +4001/)
  assert.match(bad, /✗ orders-2: exit 1: Error: no database; it is tried again/)
})

test('rates count the last second', () => {
  const clock = new VirtualClock()
  const rates = new Rates(clock)
  rates.count(200)
  clock.advance(600)
  rates.count(503)
  assert.deepEqual(rates.read(), { requests: 2, failed: 1 })
  clock.advance(500)
  assert.deepEqual(rates.read(), { requests: 1, failed: 1 })
  clock.advance(500)
  assert.deepEqual(rates.read(), { requests: 0, failed: 0 })
})

test('rates that nobody reads, as no terminal is there, do not pile up', () => {
  const clock = new VirtualClock()
  const rates = new Rates(clock)
  for (let i = 0; i < 100_000; i++) {
    rates.count(200)
    clock.advance(1)
  }
  assert.ok(rates.size < 5000, `${rates.size} are kept`)
})

describe('ports', () => {
  test('those of the plan are wanted', () => {
    const config = { ...CONFIG, services: { ...CONFIG.services, fixed: { entry: './f.ts', port: 4444 } } }
    assert.deepEqual(
      wantedPorts(plan(config)).map(({ who, port }) => [who, port]),
      [
        ['registry', 8500],
        ['DNS', 8600],
        ['gateway', 8080],
        ['fixed', 4444],
      ],
    )
  })

  test('DNS needs its port for UDP too; off needs none', async () => {
    const off = plan({ ...CONFIG, registry: { dnsPort: 'off' } })
    assert.deepEqual(
      wantedPorts(off).filter(({ who }) => who === 'DNS'),
      [],
    )
    assert.ok(systemSpecs(off)[0]?.command?.join(' ').includes('--dns-port off'))
    const set = plan({ ...CONFIG, registry: { dns: { onlyPassing: true } } })
    assert.deepEqual(systemSpecs(set)[0]?.command?.slice(-4, -2), ['--dns', '{"onlyPassing":true}'])
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address()
    const taken = wantedPorts(plan(CONFIG, { admin: 9901, dns: port })).filter(({ who }) => who === 'DNS')
    await assert.rejects(refuseTakenPorts(taken, 'skein.config.ts'), (error) => {
      assert.ok(error instanceof Failure)
      const owner = process.platform === 'linux' ? `.*pid ${process.pid}\\)` : '.*'
      const way = "choose another with --dns-port or registry\\.dnsPort \\('off' = none\\) in skein\\.config\\.ts"
      assert.match(error.message, new RegExp(`^port ${port} \\(DNS\\) is taken by ${owner}; ${way}$`))
      return true
    })
    socket.close()
  })

  test('a taken one is refused with its owner and the way out; a free one passes', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const wanted = { host: '127.0.0.1', who: 'gateway', where: '--port or gateway.port' }
    try {
      await refuseTakenPorts([{ ...wanted, port: await freePort() }], 'skein.config.ts')
      await assert.rejects(refuseTakenPorts([{ ...wanted, port }], 'skein.config.ts'), (error) => {
        assert.ok(error instanceof Failure)
        const owner = process.platform === 'linux' ? `.*pid ${process.pid}\\)` : '.*'
        const way = 'choose another with --port or gateway\\.port in skein\\.config\\.ts'
        assert.match(error.message, new RegExp(`^port ${port} \\(gateway\\) is taken by ${owner}; ${way}$`))
        return true
      })
    } finally {
      server.close()
    }
  })
})
