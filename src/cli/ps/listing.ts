/** `skein ps` as data and as a table: what the fleet runs, joined with what the registry says of it. */
import type { InstanceStatus } from '../../discovery/contract.ts'
import type { InstanceInfo } from '../../fleet/contract.ts'
import { formatDuration } from '../ui/duration.ts'
import { type Column, table } from '../ui/table.ts'
import type { Paint, Style } from '../ui/terminal.ts'
import type { RegisteredInstance } from './registered.ts'

/** Skein's own parts do not register. */
const SYSTEM = ['registry', 'gateway']

export interface ListedInstance extends InstanceInfo {
  /** The registry's word; undefined where it has none. */
  readonly health?: InstanceStatus | undefined
  /** Requests a second that it refuses, because it has more to do than it can; undefined as `health`. */
  readonly refusing?: number | undefined
}

export interface Listing {
  readonly instances: readonly ListedInstance[]
  /** Registered, but not run by this fleet. */
  readonly elsewhere: readonly RegisteredInstance[]
}

/** `registered` is undefined where the registry does not answer. */
export function listing(
  instances: readonly InstanceInfo[],
  registered: readonly RegisteredInstance[] | undefined,
): Listing {
  const byId = new Map(registered?.map((instance) => [instance.id, instance]))
  const ids = new Set(instances.map(({ id }) => id))
  return {
    instances: instances.map((info) => {
      const { status: health, refusing } = byId.get(info.id) ?? {}
      return { ...info, health, refusing }
    }),
    elsewhere: (registered ?? []).filter(({ id }) => !ids.has(id)),
  }
}

const COLUMNS: readonly Column[] = [
  { title: 'SERVICE' },
  { title: 'INSTANCE' },
  { title: 'STATE' },
  { title: 'HEALTH' },
  { title: 'PORT', align: 'right' },
  { title: 'PID', align: 'right' },
  { title: 'WEIGHT', align: 'right' },
  { title: 'RESTARTS', align: 'right' },
  { title: 'UPTIME', align: 'right' },
]

const STATE_STYLES: Record<InstanceInfo['state'], Style> = {
  ready: 'green',
  starting: 'yellow',
  backoff: 'red',
  stopping: 'yellow',
  stopped: 'dim',
}

const HEALTH_STYLES: Record<InstanceStatus, Style> = { passing: 'green', warning: 'yellow', critical: 'red' }

/** `now` in wall-clock ms. */
export function listingLines({ instances, elsewhere }: Listing, now: number, paint: Paint): string[] {
  const isSystem = ({ service }: InstanceInfo) => SYSTEM.includes(service)
  const ordered = [...instances.filter((one) => !isSystem(one)), ...instances.filter(isSystem)]
  const rows = ordered.map((one) => row(one, isSystem(one), now, paint))
  const notes = [...failures(ordered, paint), ...overloads([...ordered, ...elsewhere], paint)]
  return [
    ...table(COLUMNS, rows, paint),
    ...(notes.length === 0 ? [] : ['', ...notes]),
    ...elsewhereLines(elsewhere, paint),
  ]
}

function row(one: ListedInstance, system: boolean, now: number, paint: Paint): string[] {
  const uptime = one.state === 'ready' && one.startedAt !== undefined ? formatDuration(now - one.startedAt) : ''
  return [
    paint(system ? 'dim' : 'bold', one.service),
    one.id,
    paint(STATE_STYLES[one.state], one.state),
    system ? '' : health(one, paint),
    String(one.port ?? ''),
    String(one.pid ?? ''),
    system ? '' : String(one.weight),
    one.restarts === 0 ? '0' : paint('yellow', String(one.restarts)),
    uptime,
  ]
}

function health({ health: status, state }: ListedInstance, paint: Paint): string {
  if (status !== undefined) return paint(HEALTH_STYLES[status], status)
  return state === 'ready' ? paint('yellow', 'unregistered') : ''
}

/** The last failure of each instance that is down because of it. */
function failures(instances: readonly ListedInstance[], paint: Paint): string[] {
  const failed = instances.filter(({ state, lastError }) => state === 'backoff' && lastError !== undefined)
  return failed.map(({ id, lastError }) => `${paint('red', '✗')} ${id}: ${lastError}`)
}

function overloads(instances: readonly Pick<ListedInstance, 'id' | 'refusing'>[], paint: Paint): string[] {
  const overloaded = instances.filter(({ refusing = 0 }) => refusing > 0)
  return overloaded.map(
    ({ id, refusing }) => `${paint('yellow', '!')} ${id}: overloaded, refuses ${refusing!.toFixed(1)} requests/s`,
  )
}

function elsewhereLines(instances: readonly RegisteredInstance[], paint: Paint): string[] {
  if (instances.length === 0) return []
  const columns: Column[] = [
    { title: 'SERVICE' },
    { title: 'INSTANCE' },
    { title: 'HEALTH' },
    { title: 'ADDRESS' },
    { title: 'WEIGHT', align: 'right' },
  ]
  const rows = instances.map(({ service, id, status, address, port, weight }) => [
    ...[paint('bold', service), id, paint(HEALTH_STYLES[status], status), `${address}:${port}`, String(weight)],
  ])
  return ['', paint('bold', 'Elsewhere: registered, but not run by this fleet'), ...table(columns, rows, paint)]
}
