/** Reads a registry, Skein's or a real Consul, by its API. */
import { type ConsulClient, kvPath } from '../../discovery/consul-client.ts'
import { Failure } from '../command.ts'
import { parseExact } from '../consul/exact.ts'
import type { KvEntry } from '../consul/kv-entries.ts'
import type { KvPair } from '../consul/kv-pair.ts'
import type { Body, RegistryDocument } from './document.ts'

/** Tells how far it is, on work that takes long. */
export type Progress = (what: string) => void

interface Check extends Body {
  readonly CheckID: string
  readonly ServiceID: string
  readonly Status: string
  readonly Notes: string
}

const NODE_MAINTENANCE = '_node_maintenance'
const MAINTENANCE = '_service_maintenance:'

/** `warn` is told what cannot be had. @throws Failure when the registry refuses; SkeinError REGISTRY_UNAVAILABLE. */
export async function collect(
  consul: ConsulClient,
  progress: Progress,
  warn: (text: string) => void,
): Promise<RegistryDocument> {
  const self = (await ask(consul, '/v1/agent/self')) as { Config: { NodeName: string } }
  const checks = Object.values((await ask(consul, '/v1/agent/checks')) as Record<string, Check>)
  const definitions = await definitionsOf(consul, warn)
  return {
    skein: 'registry/1',
    kv: await collectKeys(consul, ''),
    queries: await collectQueries(consul),
    catalog: await collectCatalog(consul, self.Config.NodeName, progress),
    services: await collectServices(consul, checks, definitions),
    checks: checks.filter(({ ServiceID }) => ServiceID === '').flatMap((one) => checkBody(one, 'ID', definitions)),
    maintenance: checks.flatMap(maintenanceOf),
    removed: await collectRemoved(consul, self.Config.NodeName),
  }
}

/** @throws Failure when the registry says no. */
async function ask(consul: ConsulClient, path: string): Promise<unknown> {
  const { status, text } = await consul.get(path)
  if (status !== 200) throw new Failure(`the registry refuses ${path} with ${status}: ${text.trim()}`)
  return parseExact(text)
}

export async function collectKeys(consul: ConsulClient, prefix: string): Promise<KvEntry[]> {
  const { status, text } = await consul.get(`${kvPath(prefix)}?recurse`)
  if (status === 404) return []
  if (status !== 200) throw new Failure(`the registry refuses keys under "${prefix}" with ${status}: ${text.trim()}`)
  const pairs = parseExact(text) as KvPair[]
  return pairs.map(({ Key: key, Flags: flags, Value }) => ({ key, flags, value: Value ?? '' }))
}

/** Those that end with a session end before they could be of use elsewhere. */
async function collectQueries(consul: ConsulClient): Promise<Body[]> {
  const all = (await ask(consul, '/v1/query')) as Body[]
  return all.filter(({ Session }) => (Session ?? '') === '').map((one) => without(one, ['ID', 'Token', ...INDEXES]))
}

const INDEXES = ['CreateIndex', 'ModifyIndex', 'RaftIndex']

function without(body: Body, names: readonly string[]): Body {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)))
}

/** By ID of the check; a real Consul does not tell. */
async function definitionsOf(consul: ConsulClient, warn: (text: string) => void): Promise<ReadonlyMap<string, Body>> {
  const { status, body } = await consul.get('/v1/skein/checks')
  if (status === 200) {
    const found = body as { CheckID: string; Definition: Body }[]
    return new Map(found.map(({ CheckID, Definition }) => [CheckID, Definition]))
  }
  warn('this registry does not tell how it checks its services, so they are exported without their checks')
  return new Map()
}

function checkBody(check: Check, id: 'ID' | 'CheckID', definitions: ReadonlyMap<string, Body>): Body[] {
  const definition = definitions.get(check.CheckID)
  if (definition === undefined) return []
  const { Name, Notes, Status } = check
  return [{ [id]: check.CheckID, Name, Notes, Status, ...definition }]
}

function maintenanceOf({ CheckID, Notes: reason }: Check) {
  if (CheckID === NODE_MAINTENANCE) return [{ service: '', reason }]
  return CheckID.startsWith(MAINTENANCE) ? [{ service: CheckID.slice(MAINTENANCE.length), reason }] : []
}

async function collectServices(
  consul: ConsulClient,
  checks: readonly Check[],
  definitions: ReadonlyMap<string, Body>,
): Promise<Body[]> {
  const all = Object.values((await ask(consul, '/v1/agent/services')) as Record<string, Body>)
  return all.map((one) => {
    const own = checks.filter(({ ServiceID }) => ServiceID === one['ID'])
    const Checks = own.flatMap((check) => checkBody(check, 'CheckID', definitions))
    return { ...registrationOf(one), ...(Checks.length > 0 && { Checks }) }
  })
}

const SERVICE_FIELDS = ['ID', 'Tags', 'Meta', 'Port', 'Address', 'SocketPath', 'TaggedAddresses', 'Weights']

/** What the agent shows of a service, as it is registered. */
function registrationOf(service: Body): Body {
  const given = SERVICE_FIELDS.filter((name) => service[name] !== undefined && service[name] !== null)
  const { Service: Name, EnableTagOverride = false } = service
  return { Name, ...Object.fromEntries(given.map((name) => [name, service[name]])), EnableTagOverride }
}

/** The other nodes: first the node, then each of its services. */
async function collectCatalog(consul: ConsulClient, own: string, progress: Progress): Promise<Body[]> {
  const nodes = ((await ask(consul, '/v1/catalog/nodes')) as Body[]).filter(({ Node }) => Node !== own)
  const entries: Body[] = []
  for (const [i, node] of nodes.entries()) {
    progress(`reading node ${i + 1} of ${nodes.length}`)
    entries.push(...(await collectNode(consul, node)))
  }
  return entries
}

async function collectNode(consul: ConsulClient, node: Body): Promise<Body[]> {
  const name = encodeURIComponent(String(node['Node']))
  const { Services } = (await ask(consul, `/v1/catalog/node/${name}`)) as { Services: Record<string, Body> }
  const checks = (await ask(consul, `/v1/health/node/${name}`)) as Check[]
  const of = (id: unknown) => checks.filter(({ ServiceID }) => ServiceID === id).map((one) => without(one, DERIVED))
  const { Node, ID, Address, TaggedAddresses, Meta: NodeMeta } = node
  const services = Object.values(Services).map((one) => {
    const Service = without(one, [...INDEXES, 'Datacenter', 'Connect', 'Proxy', 'PeerName', 'Partition', 'Namespace'])
    return { Node, Address, SkipNodeUpdate: true, Service, Checks: of(one['ID']) }
  })
  return [{ Node, ID, Address, TaggedAddresses, NodeMeta, Checks: of('') }, ...services]
}

/** Filled in by the registry. */
const DERIVED = [...INDEXES, 'ServiceName', 'ServiceTags', 'Type', 'Interval', 'Timeout', 'ExposedPort', 'PeerName']

async function collectRemoved(consul: ConsulClient, own: string): Promise<RegistryDocument['removed']> {
  const { status, body } = await consul.get('/v1/skein/removed')
  const found = status === 200 ? (body as RegistryDocument['removed']) : []
  return found.map(({ ServiceID, Node, Reason }) => ({ ServiceID, Node: Node === own ? '' : Node, Reason }))
}
