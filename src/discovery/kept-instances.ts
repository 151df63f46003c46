/** A service's last confirmed instances, as a file keeps them. */
import type { Instance, InstanceStatus } from './contract.ts'
import type { SnapshotFolder } from './snapshot-folder.ts'

export interface KeptInstances {
  /** Never empty: an answer never empties a set, so an empty one is not kept. */
  readonly instances: readonly Instance[]
  readonly index: number
  /** Wall-clock ms at which the registry last confirmed them. */
  readonly confirmedAt: number
}

const nameOf = (service: string) => `instances/${service}`

/** The registry confirms `instances`; the same array is the same content. */
export function saveInstances(folder: SnapshotFolder, service: string, instances: readonly Instance[], index: number) {
  if (instances.length > 0) folder.save(nameOf(service), { index, instances }, instances)
}

/** Undefined when there are none, or what is there are no instances of this service. */
export async function readKeptInstances(folder: SnapshotFolder, service: string): Promise<KeptInstances | undefined> {
  const kept = await folder.read(nameOf(service))
  const { index, instances } = (kept?.value ?? {}) as { index?: unknown; instances?: unknown }
  const fits = typeof index === 'number' && Array.isArray(instances) && instances.length > 0
  if (kept === undefined || !fits || !instances.every((one) => isInstance(one, service))) return undefined
  return { index, instances, confirmedAt: kept.confirmedAt }
}

const STATUSES: ReadonlySet<unknown> = new Set<InstanceStatus>(['passing', 'warning', 'critical'])

function isInstance(value: unknown, service: string): value is Instance {
  if (typeof value !== 'object' || value === null) return false
  const { id, service: own, address, port, node, weight, tags, meta, status } = value as Partial<Instance>
  const texts = [id, address, node, ...(Array.isArray(tags) ? tags : [undefined]), ...Object.values(meta ?? { '': 0 })]
  const numbers = [port, weight].every((one) => Number.isInteger(one) && one! >= 0)
  return own === service && texts.every((one) => typeof one === 'string') && numbers && STATUSES.has(status)
}
