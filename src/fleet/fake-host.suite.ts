/** For the tests of this folder: a machine without processes, on a virtual clock. */
import { VirtualClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import type { Environment } from '../core/settings.ts'
import type { InstanceInfo, LogLine, ServiceSpec } from './contract.ts'
import { ProcessFleet } from './fleet.ts'
import type { Address, Host, LaunchPlan, ProcessListener, RunningProcess } from './host.ts'
import type { MetricsSink } from './metrics.ts'

/** How a process behaves. Times in ms from its launch, or from SIGTERM for `drainMs`. */
export interface Script {
  /** Absent: it never gets ready. */
  readonly readyMs?: number | undefined
  /** Absent: it runs until it is stopped. */
  readonly exitMs?: number | undefined
  /** Absent: it ignores SIGTERM. */
  readonly drainMs?: number | undefined
  readonly stderr?: string | undefined
}

export const GOOD: Script = { readyMs: 200, drainMs: 100 }
export const TOOLS = { node: 'node', skein: 'skein.js', leash: 'file:///leash.ts', guard: 'guard.ts' }

export class FakeProcess implements RunningProcess {
  readonly pid: number
  readonly id: string
  readonly plan: LaunchPlan
  readonly launchedAt: number
  readonly port: number
  alive = true
  ready = false
  frozen = false
  terminated = false
  readonly #listener: ProcessListener
  readonly #clock: VirtualClock
  readonly #script: Script

  constructor(pid: number, plan: LaunchPlan, listener: ProcessListener, clock: VirtualClock, script: Script) {
    this.pid = pid
    this.plan = plan
    this.id = plan.env['SKEIN_INSTANCE'] ?? ''
    this.port = Number(plan.env['PORT'] ?? 10_000 + pid)
    this.#listener = listener
    this.#clock = clock
    this.#script = script
    this.launchedAt = clock.monotonic()
    if (script.readyMs !== undefined) clock.after(script.readyMs, () => this.#serve())
    if (script.exitMs !== undefined) clock.after(script.exitMs, () => this.exit(1))
  }

  terminate(): void {
    this.terminated = true
    if (this.#script.drainMs !== undefined) this.#clock.after(this.#script.drainMs, () => this.exit(0))
  }

  kill(): void {
    this.#clock.after(1, () => this.#end(null, 'SIGKILL'))
  }

  exit(code: number): void {
    if (!this.frozen) this.#end(code, null)
  }

  write(text: string, stream: LogLine['stream'] = 'stdout'): void {
    this.#listener.output(stream, Buffer.from(text))
  }

  #serve(): void {
    if (!this.alive) return
    this.ready = true
    this.#listener.message({ type: 'skein:ready', port: this.port })
  }

  #end(code: number | null, signal: string | null): void {
    if (!this.alive) return
    this.alive = false
    if (this.#script.stderr !== undefined) this.write(this.#script.stderr, 'stderr')
    this.#listener.end({ code, signal })
  }
}

export class FakeHost implements Host {
  /** Hosts that were asked over HTTP. */
  readonly asked = new Set<string>()
  readonly clock = new VirtualClock()
  readonly processes: FakeProcess[] = []
  script: (id: string) => Script
  #ports = 20_000

  constructor(script: (id: string) => Script = () => GOOD) {
    this.script = script
  }

  /** Also checks what must hold at every moment: never two processes in one place. */
  launch(plan: LaunchPlan, listener: ProcessListener): RunningProcess {
    const id = plan.env['SKEIN_INSTANCE'] ?? ''
    if (this.alive().some((process) => process.id === id)) throw new Error(`two processes for ${id}`)
    const process = new FakeProcess(this.processes.length + 1, plan, listener, this.clock, this.script(id))
    this.processes.push(process)
    return process
  }

  alive(): FakeProcess[] {
    return this.processes.filter((process) => process.alive)
  }

  /** The newest process of an instance. */
  of(id: string): FakeProcess {
    const found = this.processes.findLast((process) => process.id === id)
    if (found === undefined) throw new Error(`${id} was never launched`)
    return found
  }

  async freePort(): Promise<number> {
    return this.#ports++
  }

  askHttp(address: Address, _path: string, timeoutMs: number): Promise<number | undefined> {
    this.asked.add(address.host)
    const process = this.alive().find((one) => one.port === address.port)
    if (process?.frozen === true) return new Promise((resolve) => this.clock.after(timeoutMs, () => resolve(undefined)))
    return Promise.resolve(process === undefined ? undefined : process.ready ? 200 : 503)
  }

  async askTcp(address: { port: number }): Promise<boolean> {
    return this.alive().some((one) => one.ready && one.port === address.port)
  }
}

export function spec(name: string, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return { name, entry: `/app/${name}.ts`, cwd: '/app', env: {}, instances: 1, weights: [], ...more }
}

/** A fleet on a fake host, and the hand that moves its time. */
export class Bench {
  readonly host: FakeHost
  readonly fleet: ProcessFleet
  readonly lines: string[] = []
  readonly exits: InstanceInfo[] = []

  constructor(
    specs: readonly ServiceSpec[],
    script?: (id: string) => Script,
    more: {
      startsAtOnce?: number
      metrics?: MetricsSink
      usersGone?: () => Promise<void>
      environment?: Environment
    } = {},
  ) {
    this.host = new FakeHost(script)
    this.fleet = new ProcessFleet({
      specs,
      environment: { PATH: '/bin', ...more.environment },
      tools: TOOLS,
      host: this.host,
      clock: this.host.clock,
      random: () => 0.5,
      log: silentLogger,
      startsAtOnce: more.startsAtOnce ?? 100,
      metrics: more.metrics,
      usersGone: more.usersGone,
      onExit: (info) => this.exits.push(info),
    })
    this.fleet.onLog((line) => this.lines.push(`${line.instance} ${line.text}`))
  }

  /** Moves time on in small steps, so that what awaits a promise gets its turn between two timers. */
  async pass(ms: number, stepMs = 20): Promise<void> {
    await turns()
    for (let left = ms; left > 0; left -= stepMs) {
      this.host.clock.advance(Math.min(stepMs, left))
      await turns()
    }
  }

  states(): string[] {
    return this.fleet.list().map(({ id, state }) => `${id} ${state}`)
  }

  /** `id` of living processes, sorted. */
  living(): string[] {
    return this.host
      .alive()
      .map(({ id }) => id)
      .sort()
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 12; i++) await Promise.resolve()
}
