/** What is malformed for everybody, against the service kit's own server: refused, and no handler hears of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../src/core/log.ts'
import { op, serve, service } from '../../src/service/index.ts'
import { REQUEST_CASES } from './cases/index.ts'
import { checkRefusal } from './check.ts'

const malformed = Object.values(REQUEST_CASES)
  .flat()
  .filter((one) => one.malformed)

test(`${malformed.length} malformed requests`, async (t) => {
  let calls = 0
  const heard = () => {
    calls++
    return {}
  }
  const operations = { read: op({ route: 'GET /x' }, heard), write: op({ route: 'POST /x' }, heard) }
  const running = await serve(service('hostile', operations), {
    ...{ registry: false, port: 0, signals: false, drainDelayMs: 0, drainTimeoutMs: 100, log: silentLogger },
  })
  t.after(() => running.close())
  const faults: string[] = []
  for (const one of malformed) {
    const fault = await checkRefusal(one, running.port, () => calls)
    if (fault !== undefined) faults.push(`${one.what}: ${fault}`)
  }
  assert.deepEqual(faults, [])
})
