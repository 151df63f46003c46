import assert from 'node:assert/strict'
import { test } from 'node:test'
import { choosePorts } from './choose-ports.ts'

const edge = (port?: number) => ({ services: {}, gateway: { routes: [], ...(port === undefined ? {} : { port }) } })

test('what is not given is left to the config; 0 is a free port, wherever it is written', async () => {
  const none = await choosePorts({}, edge(9000))
  assert.deepEqual({ ...none, admin: 0 }, { gateway: undefined, registry: undefined, dns: undefined, admin: 0 })
  assert.ok((await choosePorts({}, edge(0))).gateway! > 0)
  assert.ok((await choosePorts({ port: 0 }, edge(9000))).gateway! > 0)
  assert.equal((await choosePorts({ port: 9001 }, edge(0))).gateway, 9001)
  const free = await choosePorts({ 'registry-port': 0 }, edge())
  assert.ok(free.registry! > 0 && Number(free.dns) > 0 && free.admin! > 0)
  assert.equal((await choosePorts({ 'registry-port': 0, 'dns-port': 'off' }, edge())).dns, 'off')
})

test('without a gateway nothing is chosen for one', async () => {
  assert.deepEqual(await choosePorts({}, { services: {}, gateway: false }), {
    ...{ gateway: undefined, registry: undefined, dns: undefined, admin: undefined },
  })
})
