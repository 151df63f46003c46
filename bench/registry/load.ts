/** Load in a closed loop: each connection asks again when it has its answer. */
import { cpuMicroseconds } from '../harness/process.ts'
import { type Answer, Connection } from './connection.ts'
import type { Row, Started } from './contract.ts'

export type Request = readonly [method: string, path: string, body?: string]

export interface Load {
  readonly connections: number
  /** The i-th request. */
  request(i: number): Request
  /** How many, or for how long. */
  readonly count?: number
  readonly seconds?: number
}

export interface Loaded {
  /** When each answer came, ms since the beginning. */
  readonly times: readonly number[]
  readonly cpuUs: number
  /** How long each took, sorted. */
  readonly latencies: readonly number[]
}

/** @throws Error for the first answer that is no success: a figure with errors in it is none. */
export async function load(to: Started, { connections, request, count, seconds }: Load): Promise<Loaded> {
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(to.port)))
  const times: number[] = []
  const latencies: number[] = []
  const cpu = cpuMicroseconds(to.pid)
  const begun = performance.now()
  let next = 0
  const more = () => (count === undefined ? performance.now() - begun < (seconds ?? 1) * 1000 : next < count)
  const run = async (connection: Connection) => {
    while (more()) {
      const asked = request(next++)
      const sent = performance.now()
      refuse(asked, await connection.ask(...asked))
      const now = performance.now()
      times.push(now - begun)
      latencies.push(now - sent)
    }
  }
  await Promise.all(open.map(run))
  const cpuUs = cpuMicroseconds(to.pid) - cpu
  for (const connection of open) connection.close()
  return { times, cpuUs, latencies: latencies.sort((a, b) => a - b) }
}

function refuse([method, path]: Request, { status }: Answer): void {
  if (status !== 200) throw new Error(`${method} ${path} was answered with ${status}`)
}

export function rowOf(name: string, { times, cpuUs, latencies }: Loaded): Row {
  const figures = {
    per_s: (times.length / times.at(-1)!) * 1000,
    cpu_us: cpuUs / times.length,
    p50_ms: at(latencies, 0.5),
    p99_ms: at(latencies, 0.99),
  }
  return { name, figures }
}

/** Of sorted numbers. */
export const at = (sorted: readonly number[], share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0
