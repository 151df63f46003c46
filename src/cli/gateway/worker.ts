/** A worker of `skein gateway`: a program of its own, which the supervisor forks. What it is to do comes by the channel. */
import { rmSync } from 'node:fs'
import type { RunningGateway } from '../../gateway/index.ts'
import { gatewayMetrics } from '../../gateway/metrics.ts'
import type { ListenFailure, WorkerCounts } from '../../gateway/workers/contract.ts'
import { WorkerLink } from '../../gateway/workers/link.ts'
import { processMetrics } from '../../telemetry/metrics.ts'
import { processLog } from '../ui/process-log.ts'
import { createTerminal } from '../ui/terminal.ts'
import { followConfig } from './follow.ts'
import { withFunctions } from './gateway-of.ts'
import { goOutward, registryClient } from './outward.ts'
import type { ConfigSource } from './sources.ts'

/** What each worker is told first. */
export interface WorkerSettings {
  readonly registry: string
  /** For messages: where the config stands. */
  readonly name: string
  /** The config that has the functions which the values refer to. */
  readonly steps: string | undefined
  readonly cwd: string
  /** What the command line says of them, which stands above each config. */
  readonly workers: number | 'auto' | undefined
  readonly json: boolean
  /** A folder that the supervisor removes at the end, or, where it was killed, the workers. */
  readonly temporary?: string | undefined
}

const { stdout, stderr, env } = process
const link = new WorkerLink(process)
const stop = new AbortController()
/** Asked to end by itself, while the others go on: clients that send just now are to be answered. */
let endsAlone = false
const IDLE_MS = 1_000
link.onEnd = (atOnce) => (atOnce ? process.exit(1) : stop.abort())
// A terminal sends these to all processes of the group; what is to be done then, the supervisor says.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('SIGTERM', () => {
  endsAlone = true
  link.end()
})

const { registry, name, steps, cwd, workers, json, temporary } = (await link.settings) as WorkerSettings
const log = processLog('gateway', createTerminal({ stdout, stderr, env, json })).child({
  worker: Number(process.argv[2]),
})
const outward = goOutward(registryClient(registry, env, log), log, { health: link.health })

/** The number of the config that is being taken. */
let current = 0
let port: number | undefined
const source: ConfigSource = async function* values(signal) {
  for await (const next of link.configs(signal)) {
    current = next.config
    port = next.port
    yield await withFunctions(next.value, { steps, cwd, log })
  }
}

function counts(): WorkerCounts {
  const { inFlight, requests } = gatewayMetrics(processMetrics)
  return {
    inFlight: inFlight.with().value,
    requests: [...requests.entries()].reduce((sum, [, { value }]) => sum + value, 0),
  }
}

function begun({ pages, port: bound }: RunningGateway): void {
  link.view = { pages, counts }
  void link.send({ type: 'ready', port: bound })
}

try {
  await followConfig({
    ...{ source, name, log, workers, caller: outward.caller, adminPort: undefined, signal: stop.signal },
    get port() {
      return port
    },
    gateway: {
      adminPort: false,
      reusePort: true,
      allowance: link.allowance,
      ticketKeys: link.ticketKeys,
    },
    idleMs: () => (endsAlone ? IDLE_MS : 0),
    ready: begun,
    taken: () => void link.send({ type: 'taken', config: current }),
    refused: (problem) => void link.send({ type: 'taken', config: current, problem }),
  })
  await outward.close()
  await link.last()
  if (!process.connected && temporary !== undefined) rmSync(temporary, { recursive: true, force: true })
  process.exit(0)
} catch (error) {
  const { message, code, port: wanted, syscall } = error as ListenFailure
  await link.send({ type: 'failed', failure: { message, code, port: wanted, syscall } })
  process.exit(1)
}
