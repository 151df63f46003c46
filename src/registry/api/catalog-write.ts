/** /v1/catalog/register and deregister: straight into the catalog, no checks are run for it. */
import { requireDeregister, requireRegister } from '../acl/require-catalog.ts'
import type { CheckInput, Deregister, Register } from '../state/commands.ts'
import type { NodeBody, TextMap } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import { STRINGS } from './check-fields.ts'
import { any, bool, decodeBody, duration, int, list, map, object, string } from './decode.ts'
import { ADDRESSES, checkName, checkStatus, checkWeights, STRING_MAP, taggedAddresses } from './definition.ts'
import { type Answer, type ApiRequest, BODY_MAX_BYTES, json, type Registry } from './endpoint.ts'
import { checkCommon, checkDatacenter } from './read.ts'

export const SERVICE = object({
  Kind: string,
  ID: string,
  Service: string,
  Tags: STRINGS,
  Address: string,
  TaggedAddresses: ADDRESSES,
  Meta: STRING_MAP,
  Port: int,
  SocketPath: string,
  Weights: object({ Passing: int, Warning: int }),
  EnableTagOverride: bool,
  Proxy: any,
  Connect: any,
  Namespace: string,
  CreateIndex: int,
  ModifyIndex: int,
})

export const CHECK = object({
  Node: string,
  CheckID: string,
  Name: string,
  Status: string,
  Notes: string,
  Output: string,
  ServiceID: string,
  ServiceName: string,
  ServiceTags: STRINGS,
  Type: string,
  Interval: duration,
  Timeout: duration,
  ExposedPort: int,
  Definition: map(any, 'structs.HealthCheckDefinition'),
  CreateIndex: int,
  ModifyIndex: int,
})

const REGISTER = object({
  ID: string,
  Node: string,
  Address: string,
  Datacenter: string,
  TaggedAddresses: STRING_MAP,
  NodeMeta: STRING_MAP,
  Service: SERVICE,
  Check: CHECK,
  Checks: list(CHECK, 'structs.HealthChecks'),
  SkipNodeUpdate: bool,
})

const DEREGISTER = object({ Node: string, Address: string, Datacenter: string, ServiceID: string, CheckID: string })

export async function catalogRegister(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const input = decodeBody(await request.body(BODY_MAX_BYTES), REGISTER)
  checkDatacenter(input.Datacenter ?? '', registry)
  const command = registerCommand(input)
  await registry.store.write((state) => {
    requireRegister(request.rights, state, command)
    refuseOwnNode(registry, command.node.Node)
    return command
  })
  return json(true)
}

function registerCommand(input: ReturnType<typeof REGISTER>): Register {
  const { Node = '', Address = '', SkipNodeUpdate = false, Check, Checks = [] } = input
  if (Node === '') throw new Refusal(500, 'Must provide node')
  if (Address === '' && !SkipNodeUpdate) throw new Refusal(500, 'Must provide address if SkipNodeUpdate is not set')
  checkName('node name', Node)
  const service = catalogService(input.Service)
  const checks = [...(Check === undefined ? [] : [Check]), ...Checks].map(catalogCheck)
  return {
    type: 'register',
    node: nodeBody(input, Node, Address),
    skipNodeUpdate: SkipNodeUpdate,
    ...(service === undefined ? {} : { service }),
    checks,
    keepStatus: false,
    replaceChecks: false,
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function nodeBody(
  { ID = '', TaggedAddresses, NodeMeta }: Pick<ReturnType<typeof REGISTER>, 'ID' | 'TaggedAddresses' | 'NodeMeta'>,
  Node: string,
  Address: string,
): NodeBody {
  if (ID !== '' && ID.length !== 36) throw new Refusal(500, 'Bad node ID: uuid string is wrong length')
  if (ID !== '' && !UUID.test(ID)) throw new Refusal(500, 'Bad node ID: uuid is improperly formatted')
  return { Node, ID, Address, TaggedAddresses: orNull(TaggedAddresses), Meta: orNull(NodeMeta) }
}

const orNull = (map: TextMap | undefined) => (map === undefined || Object.keys(map).length === 0 ? null : map)

export function catalogService(input: ReturnType<typeof SERVICE> | undefined): Register['service'] {
  if (input === undefined || Object.keys(input).length === 0) return undefined
  const { Service: name = '', ID = '', SocketPath = '' } = input
  if (name === '' && ID !== '') throw new Refusal(500, 'Must provide service name with ID')
  if (name === '') throw new Refusal(500, 'Must provide service name')
  checkName('service name', name)
  checkName('service ID', ID)
  return {
    ID: ID || name,
    Service: name,
    Tags: input.Tags ?? [],
    Address: input.Address ?? '',
    ...taggedAddresses(input.TaggedAddresses),
    Meta: orNull(input.Meta),
    Port: input.Port ?? 0,
    ...(SocketPath === '' ? {} : { SocketPath }),
    Weights: checkWeights(input.Weights),
    EnableTagOverride: input.EnableTagOverride ?? false,
  }
}

export function catalogCheck(input: ReturnType<typeof CHECK>): CheckInput {
  const { CheckID = '', Name = '', Definition = {} } = input
  const id = CheckID || Name
  if (id === '') throw new Refusal(500, 'failed inserting check: Must provide a check name or ID')
  checkName('check ID', id)
  return {
    CheckID: id,
    Name,
    Status: checkStatus(input.Status, `Invalid check status: '${input.Status}'`),
    Notes: input.Notes ?? '',
    Output: input.Output ?? '',
    ServiceID: input.ServiceID ?? '',
    Type: input.Type ?? '',
    Interval: '',
    Timeout: '',
    Definition,
  }
}

export async function catalogDeregister(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const input = decodeBody(await request.body(BODY_MAX_BYTES), DEREGISTER)
  const { Node: node = '', Datacenter = '', ServiceID: serviceId = '', CheckID: checkId = '' } = input
  if (node === '') throw new Refusal(500, 'Must provide node')
  checkDatacenter(Datacenter, registry)
  const command: Deregister = {
    type: 'deregister',
    node,
    ...(serviceId === '' ? {} : { serviceId }),
    ...(checkId === '' ? {} : { checkId }),
  }
  await registry.store.write((state) => {
    requireDeregister(request.rights, state, command)
    refuseOwnNode(registry, node)
    return command
  })
  return json(true)
}

/** Consul takes such a write and undoes it minutes later, because the agent knows better. Said at once instead. */
export function refuseOwnNode(registry: Registry, node: string): void {
  if (node !== registry.node) return
  throw new Refusal(
    500,
    `node "${node}" is the registry's own: use /v1/agent/service and /v1/agent/check there, or register under another node name`,
  )
}
