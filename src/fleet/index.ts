/** Starts a fleet on this machine. */
import { availableParallelism } from 'node:os'
import { type Clock, systemClock } from '../core/clock.ts'
import { type Logger, silentLogger } from '../core/log.ts'
import { type Random, systemRandom } from '../core/random.ts'
import type { Fleet, InstanceInfo, ServiceSpec } from './contract.ts'
import { ProcessFleet } from './fleet.ts'
import { systemHost } from './host/system.ts'
import type { MetricsSink } from './metrics.ts'
import { findTools } from './tools.ts'

export type { Fleet, InstanceInfo, InstanceState, LogLine, ServiceSpec } from './contract.ts'
export type { MetricsSink } from './metrics.ts'

export interface FleetOptions {
  readonly specs: readonly ServiceSpec[]
  /** Environment of all instances, on top of this process's own; `spec.env` comes on top of both. */
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly log?: Logger | undefined
  /** Where skein_fleet_instances and skein_fleet_restarts_total go: `processMetrics`. Default: nowhere. */
  readonly metrics?: MetricsSink | undefined
  /** Called when a process has ended, with its pid and port, so that others may be told at once. */
  onExit?: ((info: InstanceInfo) => void) | undefined
  /**
   * Called when the users' services have ended, before Skein's own parts do; waited for during half of the time that is left.
   * Must not reject.
   */
  usersGone?: (() => Promise<void>) | undefined
}

/**
 * Resolves when the `system` specs are ready; the others are starting then, see `Fleet.settled`. Close the fleet before the
 * process ends: without that its instances notice and end by themselves, but nobody waits for them.
 * @throws SkeinError START_FAILED when a `system` spec does not start.
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const clock = options.clock ?? systemClock
  const fleet = new ProcessFleet({
    specs: options.specs,
    environment: { ...process.env, ...options.env },
    tools: findTools(),
    host: systemHost(clock),
    clock,
    random: options.random ?? systemRandom,
    log: options.log ?? silentLogger,
    metrics: options.metrics,
    startsAtOnce: availableParallelism() + 1,
    onExit: options.onExit,
    usersGone: options.usersGone,
  })
  await fleet.start()
  return fleet
}
