/** What `skein up` shows: to people merged logs above a status line, to programs one JSON document a line. */
import type { Clock } from '../../core/clock.ts'
import type { InstanceInfo, LogLine } from '../../fleet/contract.ts'
import { isAccess, LogFormatter, parseFields } from '../ui/log-line.ts'
import { StatusLine } from '../ui/status-line.ts'
import { width } from '../ui/table.ts'
import type { Terminal } from '../ui/terminal.ts'
import type { Plan } from './plan.ts'
import { Rates } from './rates.ts'
import { briefly, readiness, summary } from './summary.ts'
import { tryLines } from './try-lines.ts'

export interface View {
  /** A line that a process of the fleet, or the fleet itself, wrote. */
  log(line: LogLine): void
  /** An instance has changed. */
  changed(info: InstanceInfo): void
  /** Everything has been tried once. */
  ready(plan: Plan, instances: readonly InstanceInfo[], tookMs: number): void
  /** A saved config has changed what runs. */
  planned(plan: Plan): void
  /** The end has begun. */
  ending(): void
  /** Nothing more is shown below. */
  end(): void
}

export interface ViewOptions {
  readonly terminal: Terminal
  readonly clock: Clock
  /** Show access lines of every service, not of the gateway only. */
  readonly verbose: boolean
  /** How the user calls this program. */
  readonly skein: string
}

export function createView(options: ViewOptions): View {
  return options.terminal.wantsJson ? jsonView(options) : new HumanView(options)
}

function jsonView({ terminal: { json } }: ViewOptions): View {
  return {
    log: (line) => json({ type: 'log', ...line }),
    changed: (instance) => json({ type: 'instance', instance }),
    ready: ({ gateway, registry, file }, instances, tookMs) => {
      const addresses = {
        gateway: gateway && { url: gateway.url, admin: gateway.adminUrl },
        registry: { url: registry.url, dnsPort: dnsPortOf(registry) },
      }
      json({ type: 'ready', config: file, ...addresses, instances, tookMs: Math.round(tookMs) })
    },
    planned: () => {}, // each instance that comes or goes is an event of its own
    ending: () => json({ type: 'ending' }),
    end: () => {},
  }
}

/** Undefined = none of ours. */
function dnsPortOf({ start }: Plan['registry']): number | undefined {
  return start === undefined || start.dnsPort === 'off' ? undefined : start.dnsPort
}

class HumanView implements View {
  readonly #options: ViewOptions
  readonly #formatter: LogFormatter
  readonly #status: StatusLine
  readonly #rates: Rates
  readonly #instances = new Map<string, InstanceInfo>()
  #plan: Plan | undefined
  #ending = false

  constructor(options: ViewOptions) {
    this.#options = options
    this.#formatter = new LogFormatter(options.terminal.out.paint)
    this.#rates = new Rates(options.clock)
    this.#status = new StatusLine(options.terminal.out, () => this.#renderStatus(), options.clock)
  }

  log(line: LogLine): void {
    const fields = parseFields(line.text)
    const access = isAccess(fields)
    if (access && line.service === 'gateway') this.#rates.count(Number(fields?.['status']))
    if (access && line.service !== 'gateway' && !this.#options.verbose) return
    this.#status.print(this.#formatter.format(line, fields))
  }

  changed(info: InstanceInfo): void {
    if (info.state === 'stopped') this.#instances.delete(info.id)
    else this.#instances.set(info.id, info)
    this.#status.refresh()
  }

  ready(plan: Plan, instances: readonly InstanceInfo[], tookMs: number): void {
    const { paint } = this.#options.terminal.out
    for (const instance of instances) this.changed(instance)
    this.#plan = plan
    const lines = tryLines(plan, this.#options.skein)
    this.#status.print(summary({ plan, instances, tookMs, lines, paint }).join('\n'))
  }

  planned(plan: Plan): void {
    if (this.#plan !== undefined) this.#plan = plan
    this.#status.refresh()
  }

  ending(): void {
    this.#ending = true
    const { paint } = this.#options.terminal.out
    this.#status.print(paint('dim', 'draining; press Ctrl-C again to kill what is left'))
  }

  end(): void {
    this.#status.end()
  }

  #renderStatus(): string {
    const { paint } = this.#options.terminal.out
    if (this.#plan === undefined) return paint('dim', 'starting …')
    const { requests, failed } = this.#rates.read()
    const errors = failed === 0 ? '' : paint('red', ` ${failed} failed`)
    const traffic = this.#plan.gateway === undefined ? '' : `   ${requests} req/s${errors}`
    // Traffic that has ended writes no more lines, and the rate would stand still above zero.
    if (requests > 0) this.#options.clock.after(1000, () => this.#status.refresh())
    const rest = `${traffic}   ${paint('dim', this.#ending ? 'Ctrl-C kills' : 'Ctrl-C ends')}`
    const instances = [...this.#instances.values()]
    const whole = readiness(instances, this.#plan, paint) + rest
    const fits = width(whole) < (this.#options.terminal.out.columns ?? Number.POSITIVE_INFINITY)
    return fits ? whole : briefly(instances, this.#plan, paint) + rest
  }
}
