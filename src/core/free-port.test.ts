import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { freePort } from './free-port.ts'

test('a free port is none that the system would give to someone else in the meantime', async () => {
  for (const random of [() => 0, () => 0.5, () => 1 - Number.EPSILON]) {
    const port = await freePort('127.0.0.1', random).catch((error: Error) => assert.match(error.message, /after 100/))
    assert.ok(port === undefined || (port >= 10_240 && port < 32_768), String(port))
  }
})

test('a taken port is passed over; where all are taken it says so', async () => {
  const server = createServer().listen(await freePort(), '127.0.0.1')
  await once(server, 'listening')
  const { port: taken } = server.address() as AddressInfo
  const atTaken = (taken - 10_240 + 0.5) / (32_768 - 10_240)
  let asked = 0
  const other = await freePort('127.0.0.1', () => (asked++ === 0 ? atTaken : Math.random()))
  assert.ok(asked >= 2)
  assert.notEqual(other, taken)
  await assert.rejects(
    freePort('127.0.0.1', () => atTaken),
    /no free port on 127\.0\.0\.1 after 100 tries/,
  )
  server.close()
})

test('an address that is not of this machine is an error, not a taken port', async () => {
  await assert.rejects(freePort('192.0.2.1'), { code: 'EADDRNOTAVAIL' })
})
