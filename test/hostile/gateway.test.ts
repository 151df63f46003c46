/**
 * All hostile cases against the gateway. What it lets through must be exactly what the case says, for our second parser and
 * for every judge that is here: Node, nginx, HAProxy.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { needsProgram } from '../support/needs.ts'
import { REQUEST_CASES, RESPONSE_CASES } from './cases/index.ts'
import { checkForwarding, checkResponse } from './check.ts'
import type { ResponseCase } from './contract.ts'
import type { Judge } from './judge/contract.ts'
import { nodeJudge } from './judge/node.ts'
import { haproxyJudge, nginxJudge } from './judge/proxy.ts'
import { type Arrived, type Recorder, type Reply, record } from './recorder.ts'
import { gatewayBefore, type Target } from './target.ts'

interface Passed {
  readonly what: string
  readonly requests: readonly Arrived[]
}

/** What went through, for the judges. */
const passed: Passed[] = []

describe('requests', () => {
  let recorder: Recorder
  let gateway: Target
  before(async () => {
    recorder = await record()
    gateway = await gatewayBefore(recorder.port, [{ to: 'users' }, { path: '/small', to: 'users', maxBodyBytes: 10 }])
  })
  after(async () => {
    await gateway.close()
    recorder.close()
  })
  for (const [group, cases] of Object.entries(REQUEST_CASES)) {
    test(`${group}: ${cases.length} cases`, async () => {
      const faults: string[] = []
      for (const one of cases) {
        const { fault, arrived } = await checkForwarding(one, gateway.port, recorder)
        if (fault !== undefined) faults.push(`${one.what}: ${fault}`)
        else if (arrived.length > 0) passed.push({ what: one.what, requests: arrived })
      }
      assert.deepEqual(faults, [])
    })
  }
  test('nothing came in late', () => assert.deepEqual(recorder.take(), []))
})

describe('judges', () => {
  const JUDGES = [
    { name: 'node:http', make: nodeJudge, skip: false as const },
    { name: 'nginx', make: nginxJudge, skip: needsProgram('nginx') },
    { name: 'HAProxy', make: haproxyJudge, skip: needsProgram('haproxy') },
  ]
  for (const { name, make, skip } of JUDGES) {
    test(`${name} reads the same requests`, { skip }, async (t) => {
      const judge = await make()
      t.after(() => judge.close())
      const faults: string[] = []
      for (const one of passed) {
        const fault = await judged(judge, one)
        if (fault !== undefined) faults.push(fault)
      }
      assert.deepEqual(faults, [])
      assert.ok(passed.length > 100, `only ${passed.length} cases went through`)
    })
  }
})

async function judged(judge: Judge, { what, requests }: Passed): Promise<string | undefined> {
  const read = await judge.read(requests.map(({ bytes }) => bytes).join(''), requests.length)
  const plain = (list: readonly { method: string; target: string; body: string }[]) =>
    JSON.stringify(list.map(({ method, target, body }) => [method, target, body]))
  return plain(read) === plain(requests) ? undefined : `${what}: ${plain(read).slice(0, 500)}`
}

for (const pipelining of ['1', '8']) {
  describe(`responses of an instance that takes ${pipelining} requests a connection`, () => {
    let recorder: Recorder
    let gateway: Target
    before(async () => {
      recorder = await record(replyByCase)
      // A service for each case: what one does to the standing of its instance is nothing to the others.
      gateway = await gatewayBefore(
        recorder.port,
        RESPONSE_CASES.map((_, i) => ({ path: `/${i}`, to: `s${i}` })),
        { pipelining },
      )
    })
    after(async () => {
      await gateway.close()
      recorder.close()
    })
    test(`${RESPONSE_CASES.length} cases`, async () => {
      const faults: string[] = []
      for (const [i, one] of RESPONSE_CASES.entries()) {
        const fault = await checkResponse(one, `/${i}`, gateway.port, recorder)
        if (fault !== undefined) faults.push(`${one.what}: ${fault}`)
      }
      assert.deepEqual(faults, [])
    })
  })
}

const replyByCase: Reply = ({ target }, socket) => {
  if (target.endsWith('?again')) return 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain'
  const one = RESPONSE_CASES[Number(target.slice(1))] as ResponseCase
  if (one.after === undefined) return one.bytes
  // What was written goes out first, then the end.
  socket.write(one.bytes, 'latin1', () => (one.after === 'end' ? socket.end() : socket.resetAndDestroy()))
  return ''
}
