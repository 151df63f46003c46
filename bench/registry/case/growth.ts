import type { RegistryCase, Row, Started } from '../contract.ts'
import { load, type Request, rowOf } from '../load.ts'
import { beat, flip, health, put, register } from '../requests.ts'

const SIZES = [100, 1000, 10_000]
const CONNECTIONS = 16

export const GROWTH: RegistryCase = {
  name: 'growth',
  what: 'how cost grows: each operation with 100, 1,000 and 10,000 instances there, 16 connections',
  goals: [],
  async run({ start, seconds, instances }) {
    const registry = await start()
    const rows: Row[] = []
    let there = 0
    for (const size of SIZES.filter((one) => one <= instances)) {
      await load(registry, { connections: 64, count: size - there, request: (i) => register(there + i) })
      there = size
      for (const [name, request] of operations(size))
        rows.push(await measure(registry, `${name} ${size}`, seconds / 2, request))
    }
    return rows
  },
}

/** What is written differs each time, or nothing would have to be stored; a beat changes nothing. */
function operations(size: number): [string, (i: number) => Request][] {
  return [
    ['register', (i) => register(i % size, 1 + Math.floor(i / size))],
    ['beat', (i) => beat(i % size)],
    ['flip', (i) => flip(i % size, Math.floor(i / size))],
    ['health', (i) => health(i % size)],
    ['kv put', put],
  ]
}

async function measure(
  registry: Started,
  name: string,
  seconds: number,
  request: (i: number) => Request,
): Promise<Row> {
  return rowOf(name, await load(registry, { connections: CONNECTIONS, seconds, request }))
}
