/** What `skein up` says once everything has been tried: what runs, where, and what to do next. */
import type { InstanceInfo } from '../../fleet/contract.ts'
import { pairs, table } from '../ui/table.ts'
import type { Paint } from '../ui/terminal.ts'
import type { Plan } from './plan.ts'

/** Instances of the user's services by service; Skein's own parts are left out. */
function byService(instances: readonly InstanceInfo[], { services }: Plan): Map<string, InstanceInfo[]> {
  return new Map(services.map(({ name }) => [name, instances.filter((instance) => instance.service === name)]))
}

export interface SummaryOptions {
  readonly plan: Plan
  readonly instances: readonly InstanceInfo[]
  /** Since the start, ms. */
  readonly tookMs: number
  readonly lines: readonly (readonly [line: string, does: string])[]
  readonly paint: Paint
}

/** The summary in lines. */
export function summary({ plan, instances, tookMs, lines, paint }: SummaryOptions): string[] {
  const own = [...byService(instances, plan).values()].flat()
  return [
    '',
    heading(own, tookMs, paint),
    '',
    ...indent(serviceTable(plan, instances, paint)),
    ...indent(failures(own, paint)),
    '',
    ...pairs(addresses(plan, paint)),
    '',
    `  ${paint('bold', 'Try, in a second terminal')}`,
    ...pairs(lines.map(([line, does]) => [paint('cyan', line), paint('dim', does)])),
    '',
    `  ${paint('dim', 'Ctrl-C drains and ends everything. A change of the config is applied when it is saved.')}`,
    '',
  ]
}

function heading(own: readonly InstanceInfo[], tookMs: number, paint: Paint): string {
  const ready = own.filter(({ state }) => state === 'ready').length
  const took = `${(tookMs / 1000).toFixed(1)} s`
  if (ready === own.length) return `  ${paint(['green', 'bold'], '✓ ready')} ${paint('dim', `in ${took}`)}`
  return `  ${paint(['yellow', 'bold'], `! ${ready} of ${own.length} instances ready`)} ${paint('dim', `after ${took}`)}`
}

function serviceTable(plan: Plan, instances: readonly InstanceInfo[], paint: Paint): string[] {
  const columns = [{ title: 'SERVICE' }, { title: 'READY', align: 'right' as const }, { title: 'PORTS' }]
  const rows = [...byService(instances, plan)].map(([name, own]) => {
    const ready = own.filter(({ state }) => state === 'ready')
    const count = `${ready.length}/${own.length}`
    const ports = ready.map(({ port }) => String(port ?? '?')).join(' ')
    return [name, ready.length === own.length ? count : paint('yellow', count), ports]
  })
  return table(columns, rows, paint)
}

function failures(own: readonly InstanceInfo[], paint: Paint): string[] {
  const failed = own.filter(({ state, lastError }) => state === 'backoff' && lastError !== undefined)
  return failed.map(({ id, lastError }) => `${paint('red', '✗')} ${id}: ${lastError}; it is tried again`)
}

function addresses({ gateway, registry }: Plan, paint: Paint): [string, string][] {
  const lines: [string, string][] = gateway === undefined ? [] : [['gateway', paint('underline', gateway.url)]]
  const note = registry.start === undefined ? paint('dim', ' runs elsewhere') : ''
  const dnsPort = registry.start?.dnsPort ?? 'off'
  const dns = dnsPort === 'off' ? '' : paint('dim', `  DNS on port ${dnsPort}`)
  const closed = registry.start?.acl === true ? paint('dim', '  closed: wants a token') : ''
  return [...lines, ['registry', paint('underline', registry.url) + note + dns + closed]]
}

const indent = (lines: readonly string[]) => lines.map((line) => `  ${line}`)

/** `users 2/2  orders 2/3`: green where all are ready. */
export function readiness(instances: readonly InstanceInfo[], plan: Plan, paint: Paint): string {
  return [...byService(instances, plan)].map(([name, own]) => `${dot(own, paint)} ${name} ${ratio(own)}`).join('  ')
}

/** The same in few words, for a terminal with many services and few columns: `14/15 instances`. */
export function briefly(instances: readonly InstanceInfo[], plan: Plan, paint: Paint): string {
  const own = [...byService(instances, plan).values()].flat()
  return `${dot(own, paint)} ${ratio(own)} instances`
}

function ratio(own: readonly InstanceInfo[]): string {
  return `${own.filter(({ state }) => state === 'ready').length}/${own.length}`
}

function dot(own: readonly InstanceInfo[], paint: Paint): string {
  if (own.some(({ state }) => state === 'backoff')) return paint('red', '●')
  if (own.length === 0) return paint('dim', '○')
  return paint(own.every(({ state }) => state === 'ready') ? 'green' : 'yellow', '●')
}
