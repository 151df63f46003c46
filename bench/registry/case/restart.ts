import { residentBytes } from '../../harness/process.ts'
import { Connection } from '../connection.ts'
import type { RegistryCase, Started } from '../contract.ts'
import { load, type Request } from '../load.ts'
import { register, serviceOf } from '../requests.ts'

const KEYS = 100_000
/** As many as a transaction takes. */
const TOGETHER = 64
const POLL_MS = 5
const LIMIT_MS = 120_000

export const RESTART: RegistryCase = {
  name: 'restart',
  what: 'kill -9 with 10,000 instances and 100,000 keys: from the start of the process until it serves them',
  goals: [{ row: 'serving', figure: 'last_ms', atMost: 2000 }],
  async run({ start, instances }) {
    const registry = await start()
    await load(registry, { connections: 32, count: instances, request: register })
    await load(registry, { connections: 8, count: Math.ceil(KEYS / TOGETHER), request: putMany })
    const asked = [`/v1/health/service/${serviceOf(instances - 1)}`, '/v1/kv/bench?keys']
    const whole = await sizes(registry.port, asked)
    await registry.kill()
    const begun = performance.now()
    const [last_ms, again] = await Promise.all([untilServed(registry.port, asked, whole, begun), start()])
    return [{ name: 'serving', figures: { last_ms, mb: residentBytes(again.pid) / 1e6 } }]
  },
}

function putMany(i: number): Request {
  const operations = Array.from({ length: TOGETHER }, (_, k) => ({
    KV: { Verb: 'set', Key: `bench/${i * TOGETHER + k}`, Value: 'eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4' },
  }))
  return ['PUT', '/v1/txn', JSON.stringify(operations)]
}

async function sizes(port: Started['port'], paths: readonly string[]): Promise<number[]> {
  const connection = await Connection.open(port)
  const bytes: number[] = []
  for (const path of paths) bytes.push((await connection.ask('GET', path)).bytes)
  connection.close()
  return bytes
}

/** Outputs and statuses of checks may differ afterwards; what is there may not be less by more than that. */
const ALIKE = 0.9

async function untilServed(port: number, paths: readonly string[], whole: number[], begun: number): Promise<number> {
  while (performance.now() - begun < LIMIT_MS) {
    const found = await sizes(port, paths).catch(() => [])
    if (found.length > 0 && found.every((bytes, i) => bytes >= whole[i]! * ALIKE)) return performance.now() - begun
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error(`not everything is served ${LIMIT_MS} ms after the restart`)
}
