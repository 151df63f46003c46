/** The fleet: its services, and the order in which they come and go. */
import type { Clock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import { nearest } from '../core/issues.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Environment } from '../core/settings.ts'
import { FIRST_WAIT_MS } from './backoff.ts'
import { behaviours } from './behaviours.ts'
import type { Fleet, InstanceInfo, LogLine, ServiceSpec } from './contract.ts'
import { DRAIN_MS, Group } from './group.ts'
import type { Host } from './host.ts'
import { Instance, type InstanceDeps, type RunEvents } from './instance.ts'
import { Logbook, type LogFilter } from './logbook.ts'
import { fleetMetrics, type MetricsSink } from './metrics.ts'
import { planLaunch, type Tools } from './plan.ts'
import { Ports } from './ports.ts'
import { ProcessRun } from './run.ts'
import { StartPermits } from './start-permits.ts'

const CLOSE_GRACE_MS = 4000
/** What is left of the grace for Skein's own parts, ms: they have little to drain. At most a quarter of the whole. */
const SYSTEM_GRACE_MS = 500

export interface FleetDeps {
  readonly specs: readonly ServiceSpec[]
  /** What all instances inherit. */
  readonly environment: Environment
  readonly tools: Tools
  readonly host: Host
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics?: MetricsSink | undefined
  /** How many may start at a time. */
  readonly startsAtOnce: number
  /** Called when a process has ended, with its pid and port. */
  onExit?: ((info: InstanceInfo) => void) | undefined
  /**
   * Called when the users' services have ended, before Skein's own parts do; waited for during half of the time that is left.
   * Must not reject.
   */
  usersGone?: (() => Promise<void>) | undefined
}

export class ProcessFleet implements Fleet {
  readonly #deps: FleetDeps
  readonly #groups = new Map<string, Group>()
  readonly #create: (spec: ServiceSpec, ordinal: number) => Instance
  readonly #logbook = new Logbook()
  readonly #listeners = new Set<(info: InstanceInfo) => void>()
  readonly #behaviours: ReturnType<typeof behaviours>
  readonly #countRestart: (service: string) => void
  #deadline = Number.POSITIVE_INFINITY
  /** Makes the end wait no longer than the deadline says now. */
  #hurry = () => {}
  #closed: Promise<void> | undefined

  constructor(deps: FleetDeps) {
    this.#deps = deps
    this.#behaviours = behaviours({ ...deps, write: (line) => this.#logbook.append(line) })
    const instanceDeps = this.#instanceDeps()
    this.#create = (spec, ordinal) => new Instance(spec, ordinal, instanceDeps)
    for (const spec of deps.specs) this.#groups.set(spec.name, new Group(spec, this.#create))
    this.#countRestart = deps.metrics === undefined ? () => {} : fleetMetrics(deps.metrics, () => this.list())
  }

  /**
   * Starts Skein's own parts, one after the other in their order, because the rest needs them; then everything else at
   * once. Resolves when the former are ready.
   * @throws SkeinError START_FAILED when one of Skein's own parts does not start; all is stopped then.
   */
  async start(): Promise<void> {
    try {
      for (const group of this.#system()) await group.scale(group.spec.instances)
    } catch (error) {
      await this.close()
      throw error
    }
    for (const group of this.#users()) {
      // A service that fails is tried again and shows in `list`; its first failure is no failure of the fleet.
      group.scale(group.spec.instances).catch((error) => this.#deps.log.debug({ err: error }, 'not started yet'))
    }
  }

  list(): readonly InstanceInfo[] {
    return this.#instances().map((instance) => instance.info)
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#instances().map((instance) => instance.settled()))
  }

  async scale(service: string, instances: number): Promise<void> {
    this.#checkOpen()
    await this.#group(service).scale(instances)
  }

  async add(spec: ServiceSpec): Promise<void> {
    this.#checkOpen()
    if (this.#groups.has(spec.name))
      throw new SkeinError('INVALID_INPUT', `a service called "${spec.name}" runs here already`, { service: spec.name })
    const group = new Group(spec, this.#create)
    this.#groups.set(spec.name, group)
    await group.scale(spec.instances)
  }

  async remove(service: string): Promise<void> {
    this.#checkOpen()
    const group = this.#group(service)
    await group.close(DRAIN_MS)
    // Asked for twice, the name may be another's by now.
    if (this.#groups.get(service) === group) this.#groups.delete(service)
  }

  async restart(target: string): Promise<void> {
    this.#checkOpen()
    const found = this.#find(target)
    if (found instanceof Group) return found.restart()
    found.restart(DRAIN_MS)
    await found.settled()
  }

  async stop(target: string): Promise<void> {
    this.#checkOpen()
    const found = this.#find(target)
    if (found instanceof Group) return found.scale(0)
    found.down(DRAIN_MS)
    await found.settled()
  }

  logs(filter?: LogFilter): readonly LogLine[] {
    return this.#logbook.read(filter)
  }

  onLog(listener: (line: LogLine) => void): () => void {
    return this.#logbook.listen(listener)
  }

  onChange(listener: (info: InstanceInfo) => void): () => void {
    const own = (info: InstanceInfo) => listener(info)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /** A second call with a shorter grace shortens the first: Ctrl-C pressed twice. */
  close(graceMs = CLOSE_GRACE_MS): Promise<void> {
    const deadline = this.#deps.clock.monotonic() + graceMs
    if (deadline < this.#deadline) {
      this.#deadline = deadline
      for (const instance of this.#instances()) if (instance.state === 'stopping') instance.down(graceMs)
      this.#hurry()
    }
    this.#closed ??= this.#close(this.#system().length === 0 ? 0 : Math.min(SYSTEM_GRACE_MS, graceMs / 4))
    return this.#closed
  }

  /** The users' services drain all at once; Skein's own parts follow, the last started first. */
  async #close(reserveMs: number): Promise<void> {
    await Promise.all(this.#users().map((group) => group.close(this.#left() - reserveMs)))
    await this.#usersGone()
    for (const group of this.#system().reverse()) await group.close(this.#left())
  }

  async #usersGone(): Promise<void> {
    const { usersGone, clock } = this.#deps
    if (usersGone === undefined) return
    const limit = Promise.withResolvers<void>()
    this.#hurry = () => void clock.after(this.#left() / 2, limit.resolve)
    this.#hurry()
    await Promise.race([usersGone(), limit.promise])
  }

  #left(): number {
    return Math.max(0, this.#deadline - this.#deps.clock.monotonic())
  }

  #instanceDeps(): InstanceDeps {
    const { clock, host, startsAtOnce } = this.#deps
    const permits = new StartPermits(clock, startsAtOnce)
    const ports = new Ports(() => host.freePort())
    return {
      clock,
      permit: (begin) => permits.request(begin),
      port: async (spec) => spec.port ?? (spec.entry === undefined ? ports.take() : undefined),
      giveBack: (port) => ports.giveBack(port),
      run: (instance, port, events) => this.#run(instance, port, events),
      changed: (instance) => this.#changed(instance),
      exited: (instance, info) => this.#exited(instance, info),
    }
  }

  #run(instance: Instance, port: number | undefined, events: RunEvents): ProcessRun {
    const { spec, ordinal, id, failedBefore: previousFailure } = instance
    if (instance.info.restarts > 0) this.#countRestart(spec.name)
    const plan = planLaunch(spec, ordinal, port, this.#deps.environment, this.#deps.tools)
    const { host, clock } = this.#deps
    return new ProcessRun({
      id,
      spec,
      plan,
      port,
      previousFailure,
      host,
      clock,
      behaviours: this.#behaviours,
      ...events,
    })
  }

  #changed(instance: Instance): void {
    this.#groups.get(instance.spec.name)?.forget(instance)
    const { info } = instance
    for (const listener of this.#listeners) listener(info)
  }

  #exited(instance: Instance, info: InstanceInfo): void {
    if (info.state === 'backoff') {
      const facts = { instance: info.id, pid: info.pid, error: info.lastError, waitMs: instance.waitMs }
      // Once is news; that it still fails shows in `list`, and another error shows in the instance's own output.
      this.#deps.log[instance.waitMs > FIRST_WAIT_MS ? 'debug' : 'warn'](facts, 'instance failed')
    }
    this.#deps.onExit?.(info)
  }

  #group(service: string): Group {
    const group = this.#groups.get(service)
    if (group === undefined) throw this.#unknown(service, [...this.#groups.keys()])
    return group
  }

  #find(target: string): Group | Instance {
    const members = [...this.#groups.values()].flatMap((group) => group.members())
    const found = this.#groups.get(target) ?? members.find(({ id }) => id === target)
    if (found !== undefined) return found
    throw this.#unknown(target, [...this.#groups.keys(), ...members.map(({ id }) => id)])
  }

  #unknown(target: string, known: readonly string[]): SkeinError {
    const near = nearest(target, known)
    const meant = near === undefined ? `known are: ${known.join(', ')}` : `did you mean "${near}"?`
    return new SkeinError('UNKNOWN_TARGET', `nothing called "${target}" runs here; ${meant}`, { target })
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new SkeinError('SHUTTING_DOWN', 'the fleet is stopping')
  }

  #system(): Group[] {
    return [...this.#groups.values()].filter((group) => group.spec.system === true)
  }

  #users(): Group[] {
    return [...this.#groups.values()].filter((group) => group.spec.system !== true)
  }

  #instances(): Instance[] {
    return [...this.#groups.values()].flatMap((group) => group.list())
  }
}
