/**
 * What a call costs in the process that makes it: `npm run bench -- client [options]` (`--help` lists them). The peers ask
 * the same nginx; each is a process of its own that stays warm over all rounds.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { runScript } from '../scripts/run-script.ts'
import { CALLS } from './client/calls.ts'
import type { Order, Outcome, Setting } from './client/contract.ts'
import type { BenchCase, Measurement, Sample } from './harness/contract.ts'
import { type Options, readOptions } from './harness/options.ts'
import { jsonLine, judge, median, table } from './harness/report.ts'
import { openStage, type Stage } from './harness/stage.ts'

interface ClientCase extends BenchCase {
  readonly inFlight: number
}

const CASES: readonly ClientCase[] = [
  {
    name: 'call',
    what: 'GET of a small record, parsed, 64 in flight',
    inFlight: 64,
    goals: [
      { figure: 'cpuUsPerRequest', against: 'undici-request', atMost: 0.55 },
      { figure: 'cpuUsPerRequest', against: 'fetch', atMost: 0.2 },
    ],
  },
  {
    name: 'latency',
    what: 'the same one after the other: latency that a typed call adds to a bare socket',
    inFlight: 1,
    goals: [{ figure: 'p50Ms', against: 'raw', atMost: 0.06, difference: true }],
  },
]
const PEERS = Object.entries(CALLS).map(([name, { what }]) => ({ name, what }))
const WARM_UP_SECONDS = 2

async function main(): Promise<void> {
  const options = readOptions('client', CASES, PEERS)
  if (options === undefined) return
  const stage = await openStage()
  const end = () => void stage.close().then(() => process.exit(130))
  process.once('SIGINT', end).once('SIGTERM', end)
  try {
    for (const one of CASES.filter(({ name }) => options.cases?.includes(name) ?? true)) {
      const measurements = await runCase(one, stage, options)
      if (options.json) for (const line of measurements) console.log(jsonLine(line, measurements))
      else
        console.log(
          `${table(
            one,
            measurements,
            judge(one, measurements, () => false),
          )}\n`,
        )
    }
  } finally {
    await stage.close()
  }
}

async function runCase(one: ClientCase, { registry, nginx }: Stage, options: Options): Promise<Measurement[]> {
  const { inFlight } = one
  const names = PEERS.map(({ name }) => name).filter((name) => options.peers?.includes(name) ?? true)
  const children = new Map<string, ChildProcess>()
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]))
  try {
    for (const name of names) {
      const child = await startChild(name, { registry, ...nginx, inFlight })
      children.set(name, child)
      await measure(child, { inFlight, seconds: Math.min(WARM_UP_SECONDS, options.seconds) })
    }
    for (let round = 1; round <= options.rounds; round++) {
      for (const [name, child] of children) {
        console.error(`${one.name}: ${name}: round ${round} of ${options.rounds}`)
        samples.get(name)!.push(await measure(child, { inFlight, seconds: options.seconds }))
      }
    }
  } finally {
    for (const child of children.values()) child.disconnect()
  }
  return names.map((name) => ({ bench: 'client', case: one.name, peer: name, result: median(samples.get(name)!) }))
}

async function startChild(name: string, setting: Setting): Promise<ChildProcess> {
  const env = { ...process.env, SKEIN_REGISTRY: setting.registry, SKEIN_LOG_LEVEL: 'warn' }
  const file = path.join(import.meta.dirname, 'client/child.ts')
  const child = fork(file, [name, JSON.stringify(setting)], { env })
  await answer(child)
  return child
}

async function measure(child: ChildProcess, order: Order): Promise<Sample> {
  child.send(order)
  const { calls, seconds, cpuUs, p50Ms, p99Ms } = (await answer(child)) as Outcome
  return { cpuUsPerRequest: cpuUs / calls, requestsPerSecond: calls / seconds, p50Ms, p99Ms }
}

/** @throws Error when the child ends in place of an answer. */
async function answer(child: ChildProcess): Promise<unknown> {
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`a measured process ended with ${code}`)
  })
  return (await Promise.race([once(child, 'message'), gone]))[0]
}

await runScript('npm run bench -- client', main)
