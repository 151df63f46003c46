/** A configuration made ready for use: what is taken over from the one before, and at what price. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import type { GatewayConfig, RouteConfig } from './contract.ts'
import { type GatewaySnapshot, takeSnapshot } from './snapshot.ts'

const PARTS = {
  clock: systemClock,
  log: silentLogger,
  random: () => 0,
  caller: { request: () => assert.fail('called') },
}
const RATE = { requests: 1, seconds: 60 }

const take = (config: GatewayConfig, before?: GatewaySnapshot) => takeSnapshot(config, PARTS, before)

/** The buckets of each route, in the order of the file. */
function bucketsOf({ table, config }: GatewaySnapshot): unknown[] {
  return config.routes.map((_, i) => table.routes.find(({ order }) => order === i)!.rules.rateLimits[0]!.buckets)
}

test('a limit goes on with its route, by the name that the user gave or by all that it takes', () => {
  const routes: RouteConfig[] = [
    { name: 'a', path: '/a', to: 'users', rateLimit: RATE },
    { path: '/b', methods: ['GET'], to: 'users', rateLimit: RATE },
    { path: '/b', methods: ['POST'], to: 'users', rateLimit: RATE },
  ]
  const first = take({ routes })
  const [a, get, post] = bucketsOf(first)
  assert.equal(new Set([a, get, post]).size, 3)
  const moved = { ...routes[0]!, path: '/elsewhere', to: 'orders' }
  assert.deepEqual(
    bucketsOf(take({ routes: [routes[2]!, moved, routes[1]!] }, first)).map(one),
    [post, a, get].map(one),
  )
  // As the admin port shows it: with the name that it was given by default.
  const shown = first.table.routes.filter(({ config }) => config.methods?.[0] !== 'POST')
  const named = shown.map(({ config, name }) => ({ ...config, name }))
  assert.deepEqual(new Set(bucketsOf(take({ routes: named }, first)).map(one)), new Set([0, 1]))
  const renamed = { ...routes[0]!, name: 'b' }
  assert.notEqual(bucketsOf(take({ routes: [renamed] }, first))[0], a)

  /** By identity, not by what is in them. */
  function one(buckets: unknown): number {
    return [a, get, post].indexOf(buckets)
  }
})

test('the work of a reload grows with the routes, and not with their square', (t) => {
  const less = workOfReload(t, 300)
  const more = workOfReload(t, 600)
  assert.ok(less > 300, `only ${less} were counted`)
  assert.ok(more < less * 2.5, `${less} for 300 routes, ${more} for 600`)
})

test('a list of routes has no end', () => {
  const routes = Array.from({ length: 150_000 }, (_, i) => ({ path: `/${i}/*`, to: 'users' }))
  assert.equal(take({ routes }).table.match({ ...ASKED, path: '/149999/x' })?.route.order, 149_999)
})

const ASKED = { method: 'GET', host: 'a', query: '', headers: [] }

/** Routes that are looked at of the configuration before, and what is put into sets. */
function workOfReload(t: TestContext, count: number): number {
  process.env['SKEIN_TEST_STICKY'] = 'long enough to be a key'
  t.after(() => delete process.env['SKEIN_TEST_STICKY'])
  const balance = { policy: 'sticky' as const, keys: [{ env: 'SKEIN_TEST_STICKY' }] }
  const routes = Array.from({ length: count }, (_, i) => ({ path: `/${i}/*`, to: `s${i}`, balance, rateLimit: RATE }))
  const before = take({ routes })
  let work = 0
  const looked = new Proxy(before.table.routes, {
    get(target, key, receiver) {
      work++
      return Reflect.get(target, key, receiver)
    },
  })
  const add = t.mock.method(Set.prototype, 'add')
  take({ routes }, { ...before, table: Object.create(before.table, { routes: { value: looked } }) })
  add.mock.restore()
  return work + add.mock.callCount()
}
