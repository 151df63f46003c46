import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { hasSteps, portable, withSteps } from './steps.ts'

const first = () => undefined
const second = async () => undefined
const config: GatewayConfig = {
  defaults: { steps: [first] },
  routes: [
    { path: '/a', to: 'users' },
    { path: '/b', to: 'users', steps: [first, second] },
  ],
}

test('functions go into the registry as references and come back out of the file', async () => {
  const stored = JSON.parse(JSON.stringify(portable(config)))
  assert.deepEqual(stored.routes[1].steps[1].at, ['routes', 1, 'steps', 1])
  const restored = (await withSteps(stored, async () => config)) as GatewayConfig
  assert.deepEqual(restored, config)
  assert.equal((restored.routes[1]!.steps as unknown[])[1], second)
})

test('another text of a function is a change of the config', () => {
  const changed = { routes: [{ to: 'users', steps: [() => new Response('no')] }] }
  const before = { routes: [{ to: 'users', steps: [() => new Response('yes')] }] }
  assert.notDeepEqual(portable(changed), portable(before))
  assert.deepEqual(portable(changed), portable({ ...changed }))
})

test('a config without functions is what it was, and no file is read for it', async () => {
  const plain: GatewayConfig = { routes: [{ to: 'users' }] }
  assert.deepEqual([hasSteps(plain), hasSteps(config)], [false, true])
  assert.equal(await withSteps(plain, () => assert.fail('read')), plain)
})

test('what the file does not have stays a reference, which no gateway takes', async () => {
  const stored = portable(config)
  for (const file of [
    undefined,
    {},
    { routes: [] },
    { ...config, routes: [{ to: 'users' }, { to: 'users', steps: ['x'] }] },
  ]) {
    const { routes } = (await withSteps(stored, async () => file)) as { routes: { steps?: unknown[] }[] }
    assert.equal(typeof routes[1]!.steps![0], 'object')
  }
})
