/** Reads the answer of Consul's `GET /v1/health/service/<name>`. */
import type { Instance, InstanceStatus } from './contract.ts'

/**
 * The instances in `body`, or undefined when it is not such an answer: then nothing in it is to be believed. An entry
 * without a port cannot be called and is left out.
 */
export function readInstances(service: string, body: unknown): Instance[] | undefined {
  if (!Array.isArray(body)) return undefined
  const instances: Instance[] = []
  for (const entry of body as unknown[]) {
    const instance = readEntry(service, entry)
    if (instance === undefined) return undefined
    if (instance.port > 0) instances.push(instance)
  }
  return withUniqueIds(instances)
}

function readEntry(service: string, entry: unknown): Instance | undefined {
  const node = objectIn(entry, 'Node')
  const body = objectIn(entry, 'Service')
  const checks = isObject(entry) ? (entry['Checks'] ?? []) : undefined
  if (node === undefined || body === undefined || !Array.isArray(checks)) return undefined
  const { ID: id, Address: address, Port: port } = body
  const host = typeof address === 'string' && address !== '' ? address : node['Address']
  if (typeof id !== 'string' || id === '' || typeof host !== 'string' || !Number.isInteger(port)) return undefined
  const status = worstStatus(checks as unknown[])
  return {
    id,
    service,
    address: host,
    port: port as number,
    node: String(node['Node'] ?? ''),
    weight: weightFor(status, objectIn(body, 'Weights')),
    tags: Array.isArray(body['Tags']) ? body['Tags'].map(String) : [],
    meta: readMeta(body['Meta']),
    status,
  }
}

/** What is neither passing nor warning counts as critical: maintenance is a critical check, the unknown is not trusted. */
function worstStatus(checks: readonly unknown[]): InstanceStatus {
  let worst: InstanceStatus = 'passing'
  for (const check of checks) {
    const status = isObject(check) ? check['Status'] : undefined
    if (status === 'warning') worst = 'warning'
    else if (status !== 'passing') return 'critical'
  }
  return worst
}

/** More is cut off, as DNS does that has 16 bits for it (SRV records): a weight beyond is a mistake, and tables are made by weight. */
const WEIGHT_MAX = 65_535

/** A critical instance keeps its passing weight: it is used only when there is nothing else. Consul's default is 1. */
function weightFor(status: InstanceStatus, weights: Readonly<Record<string, unknown>> | undefined): number {
  const weight = weights?.[status === 'warning' ? 'Warning' : 'Passing']
  return typeof weight === 'number' && Number.isFinite(weight) && weight >= 0
    ? Math.min(WEIGHT_MAX, Math.floor(weight))
    : 1
}

function readMeta(meta: unknown): Record<string, string> {
  if (!isObject(meta)) return {}
  return Object.fromEntries(Object.entries(meta).map(([key, value]) => [key, String(value)]))
}

/** Consul's IDs are unique within a node only: where two nodes use the same one, the node's name goes before it. */
function withUniqueIds(instances: Instance[]): Instance[] {
  const seen = new Map<string, number>()
  for (const { id } of instances) seen.set(id, (seen.get(id) ?? 0) + 1)
  return instances.map((one) => (seen.get(one.id) === 1 ? one : { ...one, id: `${one.node}/${one.id}` }))
}

function objectIn(value: unknown, key: string): Readonly<Record<string, unknown>> | undefined {
  const inner = isObject(value) ? value[key] : undefined
  return isObject(inner) ? inner : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
