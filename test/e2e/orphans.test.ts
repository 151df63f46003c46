/** `skein up` killed with -9: its children notice and end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alive, eventually, scratch, up } from '../support/up.ts'

const config = ({ gateway, registry }: { gateway: number; registry: number }) => `
import { fleet } from 'skein'
export default fleet({
  services: { users: { entry: '../../../examples/shop/users/service.ts', instances: 2, env: { SHOP_DATA: import.meta.dirname } } },
  registry: { port: ${registry} },
  gateway: { port: ${gateway}, routes: [{ path: '/user/*', to: 'users' }] },
})
`

test('no orphan stays when the fleet is killed with -9', { timeout: 90_000 }, async () => {
  const { dir, remove } = scratch('orphans')
  try {
    const shop = await up(dir, config, ['/user/1'])
    const pids = (await shop.instances()).map((i) => i.pid!)
    assert.ok(pids.length >= 4)
    await shop.end('SIGKILL')
    await eventually('all children gone', async () => !pids.some(alive))
  } finally {
    remove()
  }
})
