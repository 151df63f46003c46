import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Failure } from '../command.ts'
import { planFleet } from './plan.ts'
import { preflight, refusePlatform } from './preflight.ts'

test('a registry elsewhere that is none is refused before anything starts', async () => {
  const page = createServer((_request, response) => response.writeHead(404).end('<html>'))
  page.listen(0, '127.0.0.1')
  await once(page, 'listening')
  const address = `http://127.0.0.1:${(page.address() as AddressInfo).port}`
  const plan = planFleet({ services: {}, registry: { address } }, '/x/skein.config.ts', { admin: undefined })
  await assert.rejects(preflight(plan, '/x', {}), (error: Failure) => {
    assert.equal(error.message, `what answers at ${address} is no registry: GET /v1/status/leader gives 404`)
    assert.match(error.fix, /correct registry\.address in skein\.config\.ts/)
    return true
  })
  page.closeAllConnections()
  page.close()
  await assert.rejects(preflight(plan, '/x', {}), /ECONNREFUSED/)
})

test('where there are no groups of processes that is said', () => {
  assert.throws(
    () => refusePlatform('win32'),
    (error) => error instanceof Failure && /in WSL/.test(error.fix),
  )
  refusePlatform('linux')
  refusePlatform('darwin')
})
