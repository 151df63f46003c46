/** Load by wrk and h2load: what they print, as a sample. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Sample } from './contract.ts'
import { run } from './process.ts'

export interface Loaded extends Sample {
  readonly requests: number
}

export interface WrkOptions {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** A Lua script, which says method and body. */
  readonly script?: string | undefined
}

/** Closed loop: each connection sends its next request when the answer is there. */
export async function wrk({ url, connections, seconds, headers = {}, script }: WrkOptions): Promise<Loaded> {
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const own = script === undefined ? [] : ['-s', script]
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '--latency', ...fields, ...own, url]
  const text = await run('wrk', args)
  const requests = Number(/(\d+) requests in/.exec(text)?.[1])
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? []
  const statuses = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? '0'
  return {
    requests,
    requestsPerSecond: Number(/Requests\/sec:\s*([\d.]+)/.exec(text)?.[1]),
    p50Ms: milliseconds(/50%\s+([\d.]+\w+)/.exec(text)?.[1]),
    p99Ms: milliseconds(/99%\s+([\d.]+\w+)/.exec(text)?.[1]),
    errors: [...sockets, statuses].reduce((sum, count) => sum + Number(count), 0),
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }

function milliseconds(text: string | undefined): number {
  const [, number, unit] = /^([\d.]+)(\w+)$/.exec(text ?? '') ?? []
  return Number(number) * (UNIT_MS[unit ?? ''] ?? Number.NaN)
}

/** Runs h2load with `args`. `dir` takes its log; the first `skip` of the run are not counted into the latencies. */
export async function h2load(args: readonly string[], dir: string, skip = 0): Promise<Loaded> {
  const log = path.join(dir, 'h2load.log')
  const text = await run('h2load', ['-t1', `--log-file=${log}`, ...args])
  const [total, succeeded] = /(\d+) total.* (\d+) succeeded/.exec(text)?.slice(1).map(Number) ?? []
  const rows = readFileSync(log, 'utf8').trim().split('\n')
  const begun = rows.map((row) => row.split('\t').map(Number) as [number, number, number]).sort((a, b) => a[0] - b[0])
  const times = begun.slice(Math.floor(begun.length * skip)).map((row) => row[2])
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor(times.length * share)]! / 1000
  return {
    requests: succeeded!,
    requestsPerSecond: Number(/finished in [\d.]+m?s, ([\d.]+) req\/s/.exec(text)?.[1]),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    errors: total! - succeeded!,
  }
}
