import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fleet } from './define.ts'

test('fleet() gives the config back as it is', () => {
  const config = {
    services: { users: { entry: './users.ts', weight: [2, 1] } },
    gateway: { routes: [{ to: 'users' as const }] },
  }
  assert.equal(fleet(config), config)
})

test('a route to no service does not compile, nor does an unknown key', () => {
  const services = { users: { entry: './users.ts' } }
  // @ts-expect-error: there is no service "user"
  fleet({ services, gateway: { routes: [{ path: '/user/*', to: 'user' }] } })
  // @ts-expect-error: "instanses" is no key
  fleet({ services: { users: { entry: './users.ts', instanses: 2 } } })
  // @ts-expect-error: there is no policy "robin"
  fleet({ services, gateway: { routes: [{ to: 'users', balance: 'robin' }] } })
  fleet({ services, gateway: { routes: [{ to: 'users', balance: { policy: 'hash', on: 'header:x-user' } }] } })
  fleet({ services, gateway: false, registry: { address: 'http://consul:8500' } })
})
