/** One run of `skein up`: what it starts, in which order, and how it ends. */
import { announceRun, type RunInfo, socketPath, withdrawRun } from '../../control/runfile.ts'
import { serveControl } from '../../control/server.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import { type Environment, registryToken, SETTINGS } from '../../core/settings.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import type { Fleet, InstanceInfo } from '../../fleet/contract.ts'
import { startFleet } from '../../fleet/index.ts'
import { processMetrics } from '../../telemetry/metrics.ts'
import { Adoption } from './adoption.ts'
import { fleetLog } from './fleet-log.ts'
import { LiveConfig } from './live.ts'
import { GATEWAY_NAME, gatewayKey, type Plan, SYSTEM_NAMES, systemSpecs } from './plan.ts'
import { RegistryLink } from './registry-link.ts'
import { snapshotsOf } from './snapshots.ts'
import type { View } from './view.ts'
import { watchFile } from './watch-file.ts'

export interface SessionOptions {
  readonly plan: Plan
  readonly view: View
  readonly clock: Clock
  readonly env: Environment
  /** Reads the config anew. @throws ConfigError */
  read(): Promise<Plan>
  /** `skein stop` asks for the end. */
  end(): void
}

export interface Session {
  readonly fleet: Fleet
  /** Ends what stands around the fleet; to be called when the fleet has ended. */
  close(): Promise<void>
}

/**
 * Starts everything. Resolves when registry and gateway are ready and the services are starting.
 * @throws SkeinError START_FAILED when registry or gateway does not start; nothing runs then.
 */
export async function startSession(options: SessionOptions): Promise<Session> {
  const { plan, view, clock, env } = options
  const log = fleetLog(view, clock)
  const consul = new ConsulClient({ address: plan.registry.url, token: plan.tokens?.own ?? registryToken(env), log })
  const registry = new RegistryLink(consul, log, clock)
  let fleet: Fleet | undefined
  try {
    fleet = await startParts(options, consul, registry, log)
    const read = () => readGranted(options, consul)
    const detach = await attach(fleet, registry, log, { ...options, read })
    return {
      fleet,
      async close() {
        await detach()
        await registry.idle()
        await consul.close()
      },
    }
  } catch (error) {
    await fleet?.close()
    await consul.close()
    throw error
  }
}

/** The gateway becomes ready with its config, which can be put only when the registry answers: so the two go side by side. */
async function startParts(
  { plan, clock, env }: SessionOptions,
  consul: ConsulClient,
  registry: RegistryLink,
  log: Logger,
): Promise<Fleet> {
  const stop = new AbortController()
  const configured = configure(plan, consul, registry, stop.signal)
  const fleet = startFleet({
    specs: [...systemSpecs(plan), ...plan.services],
    env: { [SETTINGS.registry]: plan.registry.url, [SETTINGS.snapshots]: snapshotsOf(plan, env) },
    clock,
    log,
    // The registry must be there while those who have ended without a word are taken out.
    usersGone: () => registry.idle(),
    onExit: (info) => void (registers(info) ? registry.deregister(info) : undefined),
  })
  const [started, put] = await Promise.allSettled([fleet.finally(() => stop.abort()), configured])
  if (started.status === 'rejected') throw started.reason
  if (put.status === 'fulfilled') return started.value
  await started.value.close()
  throw put.reason
}

/** Tokens first: the gateway reads its config with its own. */
async function configure(plan: Plan, consul: ConsulClient, registry: RegistryLink, signal: AbortSignal): Promise<void> {
  const { gateway, tokens } = plan
  await registry.onceUp(async () => tokens?.grant(consul, partsOf(plan)), signal)
  if (gateway !== undefined) await registry.putOnceUp(gatewayKey(GATEWAY_NAME), gateway.config, signal)
}

const partsOf = ({ gateway, services }: Plan) => [
  ...(gateway === undefined ? [] : ['gateway']),
  ...services.map(({ name }) => name),
]

/** A service that is new has its token before it starts. */
async function readGranted({ read }: SessionOptions, consul: ConsulClient): Promise<Plan> {
  const plan = await read()
  await plan.tokens?.grant(consul, partsOf(plan))
  return plan
}

/** Skein's own parts do not. */
function registers({ service }: InstanceInfo): boolean {
  return !SYSTEM_NAMES.includes(service)
}

/** Everything that watches the fleet or is watched for it. Returns what takes it away again. */
async function attach(
  fleet: Fleet,
  registry: RegistryLink,
  log: Logger,
  { plan, view, clock, read, end }: SessionOptions,
): Promise<() => Promise<void>> {
  const specs = new Map(plan.services.map((spec) => [spec.name, spec]))
  const adoption = new Adoption({ fleet, specs, registry, log, clock })
  for (const line of fleet.logs()) view.log(line)
  fleet.onLog((line) => view.log(line))
  const live = new LiveConfig({ plan, specs, fleet, registry, log, read, planned: (next) => view.planned(next) })
  fleet.onChange((info) => {
    view.changed(info)
    adoption.changed(info)
    void live.changed(info)
  })
  const info = runInfo(plan, clock)
  const metrics = () => processMetrics.toText()
  // What was begun is taken back when something later fails: an open socket would keep the process from ending.
  await using begun = new AsyncDisposableStack()
  const control = await serveControl({
    fleet,
    socketPath: info.socket,
    info: () => info,
    metrics,
    onShutdown: end,
    log,
  })
  begun.defer(() => control.close())
  await announceRun(info)
  begun.defer(() => withdrawRun(info))
  begun.defer(watchFile(plan.file, clock, log, () => void live.apply()))
  const whole = begun.move()
  return () => whole.disposeAsync()
}

/** Where the other commands find this fleet, and what they want to know of it. */
function runInfo({ file, registry, gateway, tokens }: Plan, clock: Clock): RunInfo {
  return {
    pid: process.pid,
    socket: socketPath(file),
    registry: registry.url,
    token: tokens?.own,
    gateway: gateway?.url,
    admin: gateway?.adminUrl,
    startedAt: clock.now(),
    config: file,
  }
}
