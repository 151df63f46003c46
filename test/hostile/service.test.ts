/**
 * The service kit's servers: what is malformed for everybody is refused, and no handler hears of it; what is well-formed gets
 * an answer a request, no more and no fewer.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { silentLogger } from '../../src/core/log.ts'
import { op, serve, service } from '../../src/service/index.ts'
import { SERVERS } from '../../src/service/servers.ts'
import { REQUEST_CASES } from './cases/index.ts'
import { checkAnswered, checkRefusal } from './check.ts'
import type { RequestCase } from './contract.ts'

const all = Object.values(REQUEST_CASES).flat()
const malformed = all.filter((one) => one.malformed)
/** Some are beyond what a service takes, but none is beyond an answer. */
const wellFormed = all.filter(({ forward, refuse, drop }) => forward !== undefined && refuse === undefined && !drop)

for (const server of Object.keys(SERVERS) as (keyof typeof SERVERS)[]) {
  describe(server, () => {
    test(`${malformed.length} malformed requests`, async (t) => {
      const { port, calls } = await start(t, server)
      const faults: string[] = []
      for (const one of malformed) {
        const fault = await checkRefusal(one, port, calls)
        if (fault !== undefined) faults.push(`${one.what}: ${fault}`)
      }
      assert.deepEqual(faults, [])
    })

    test(`${wellFormed.length} well-formed ones`, async (t) => {
      const { port } = await start(t, server)
      const faults: string[] = []
      const check = async (one: RequestCase) => {
        const fault = await checkAnswered(one, port)
        if (fault !== undefined) faults.push(`${one.what}: ${fault}`)
      }
      await Promise.all(wellFormed.map(check))
      assert.deepEqual(faults, [])
    })
  })
}

async function start(t: TestContext, server: keyof typeof SERVERS) {
  let calls = 0
  const heard = () => {
    calls++
    return {}
  }
  const operations = { read: op({ route: 'GET /x' }, heard), write: op({ route: 'POST /x' }, heard) }
  const { port, close } = await serve(service('hostile', operations), {
    ...{ registry: false, port: 0, signals: false, drainDelayMs: 0, drainTimeoutMs: 100, log: silentLogger, server },
  })
  t.after(close)
  return { port, calls: () => calls }
}
