/** A gateway process: one gateway in it, or several in workers of its own, as its first good config or the command line says. */
import { availableParallelism } from 'node:os'
import type { Logger } from '../../core/log.ts'
import { reportReady } from '../../core/parent.ts'
import type { Environment } from '../../core/settings.ts'
import type { ConsulClient } from '../../discovery/consul-client.ts'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { acceptable, followConfig } from './follow.ts'
import { withFunctions } from './gateway-of.ts'
import { goOutward } from './outward.ts'
import type { ConfigSource } from './sources.ts'
import { supervise } from './supervise.ts'

export interface GatewayRun {
  readonly source: ConfigSource
  /** For messages: `skein/gateway/default`, `skein.config.ts`. */
  readonly name: string
  /** The config that has the functions which the values refer to. */
  readonly steps: string | undefined
  readonly registry: string
  readonly consul: ConsulClient
  /** These stand above what the config says. */
  readonly port: number | undefined
  readonly workers: number | 'auto' | undefined
  readonly adminPort: number | undefined
  readonly log: Logger
  readonly env: Environment
  readonly cwd: string
  readonly json: boolean
  readonly signal: AbortSignal
}

/** Resolves when the signal has ended it and it has drained. @throws when it cannot listen. */
export async function runGateway(run: GatewayRun): Promise<void> {
  const values = run.source(run.signal)
  const first = await firstGood(values, run)
  if (first === undefined) return
  const count = countOf(first.config, run)
  const all = continued(first.value, values)
  if (count === 1) return runAlone(all, run)
  const { registry, name, steps, cwd, workers, json } = run
  const settings = { registry, name, steps, cwd, workers, json }
  await supervise({ ...run, values: all, first: first.config, count, settings, ready: reportReady })
}

async function runAlone(values: AsyncIterable<unknown>, run: GatewayRun): Promise<void> {
  const { consul, log } = run
  const { caller, close } = goOutward(consul, log)
  const source: ConfigSource = async function* resolved() {
    for await (const value of values) yield await withFunctions(value, run)
  }
  try {
    await followConfig({ ...run, source, caller, ready: ({ port }) => reportReady(port) })
  } finally {
    await close()
  }
}

/** Values that are refused are logged, and the next one waited for. Undefined when the signal comes before a good one. */
async function firstGood(
  values: AsyncGenerator<unknown, void>,
  run: GatewayRun,
): Promise<{ readonly value: unknown; readonly config: GatewayConfig } | undefined> {
  for (let next = await values.next(); next.done !== true; next = await values.next()) {
    const config = acceptable(await withFunctions(next.value, run), run)
    if (config !== undefined) return { value: next.value, config }
  }
  return undefined
}

async function* continued(first: unknown, values: AsyncGenerator<unknown, void>): AsyncGenerator<unknown, void> {
  yield first
  yield* values
}

/** Where the system shares a port out among several that listen on it; elsewhere it refuses (ENOTSUP). */
const SHARING: ReadonlySet<NodeJS.Platform> = new Set(['linux', 'freebsd', 'sunos', 'aix'])

/**
 * Where a port cannot be shared there is one worker: those are the machines on which people develop, and a config must run
 * there as it is. Handing each connection on to workers was not chosen: a way of its own, on which nothing is ever tried.
 */
function countOf({ workers }: GatewayConfig, { workers: given, log }: GatewayRun): number {
  const wanted = given ?? workers ?? 1
  const count = wanted === 'auto' ? availableParallelism() : wanted
  if (count === 1 || SHARING.has(process.platform)) return count
  log.warn(
    { platform: process.platform, workers: count },
    'ports cannot be shared on this system; the gateway is one process',
  )
  return 1
}
