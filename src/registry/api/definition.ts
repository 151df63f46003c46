/** Definitions of services and checks as clients write them: fields, defaults, refusals. */
import { isIP } from 'node:net'
import type { CheckInput } from '../state/commands.ts'
import type { ServiceBody, Status } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import { checkDefinition } from './check-definition.ts'
import { type CheckFields, SERVICE_CHECK, STRINGS } from './check-fields.ts'
import { any, bool, int, list, map, object, string } from './decode.ts'
import { formatDuration } from './duration.ts'

export const STRING_MAP = map(string, 'map[string]string')
export const ADDRESSES = map(object({ Address: string, Port: int }), 'map[string]structs.ServiceAddress')

export const SERVICE = object(
  {
    Kind: string,
    ID: string,
    Name: string,
    Tags: STRINGS,
    Address: string,
    TaggedAddresses: ADDRESSES,
    Meta: STRING_MAP,
    Port: int,
    SocketPath: string,
    Check: SERVICE_CHECK,
    Checks: list(SERVICE_CHECK, 'structs.CheckTypes'),
    Weights: object({ Passing: int, Warning: int }),
    Token: string,
    EnableTagOverride: bool,
    Proxy: any,
    Connect: any,
    Locality: any,
  },
  { enable_tag_override: 'EnableTagOverride', tagged_addresses: 'TaggedAddresses' },
)

export function serviceBody(input: ReturnType<typeof SERVICE>): Omit<ServiceBody, 'Node'> {
  const name = input.Name ?? ''
  if (name === '') throw new Refusal(400, 'Missing service name')
  const address = input.Address ?? ''
  checkName('service name', name)
  checkName('service ID', input.ID ?? '')
  refuseMesh(input)
  if (address === '0.0.0.0' || address === '::') throw new Refusal(400, 'Invalid service address')
  const port = checkPort(input.Port ?? 0)
  return {
    ID: input.ID || name,
    Service: name,
    Tags: input.Tags ?? [],
    Address: address,
    ...addAddresses(input.TaggedAddresses, address, port),
    Meta: checkMeta(input.Meta),
    Port: port,
    ...(input.SocketPath ? { SocketPath: input.SocketPath } : {}),
    Weights: checkWeights(input.Weights),
    EnableTagOverride: input.EnableTagOverride ?? false,
  }
}

/** Names are keys and stand in paths and logs: no control characters. */
export function checkName(what: string, name: string): void {
  if (/[\u0000-\u001f\u007f]/.test(name)) throw new Refusal(400, `Invalid ${what}: control characters are not allowed`)
}

function refuseMesh({ Kind, Proxy: proxy, Connect }: ReturnType<typeof SERVICE>): void {
  const filled = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length > 0
  if (!Kind && !filled(proxy) && !filled(Connect)) return
  throw new Refusal(400, 'Invalid service: Kind, Proxy and Connect belong to the service mesh, which is not supported')
}

function checkPort(port: number): number {
  if (port < 0 || port > 65535) throw new Refusal(400, 'Invalid service port: it must be between 0 and 65535')
  return port
}

/** Only `Passing` given: Warning is 0, not 1. */
export function checkWeights(weights: { Passing?: number; Warning?: number } | undefined): ServiceBody['Weights'] {
  if (weights === undefined) return { Passing: 1, Warning: 1 }
  const { Passing = 0, Warning = 0 } = weights
  if (Passing < 1) throw new Refusal(400, 'Invalid Weights: Passing must be greater than 0')
  if (Warning < 0) throw new Refusal(400, 'Invalid Weights: Warning must be greater or equal than 0')
  if (Math.max(Passing, Warning) > 65535) {
    throw new Refusal(400, 'Invalid Weights: DNS Weight must be between 0 and 65535')
  }
  return { Passing, Warning }
}

function checkMeta(meta: Record<string, string> | undefined): ServiceBody['Meta'] {
  const entries = Object.entries(meta ?? {})
  if (entries.length === 0) return null
  if (entries.length > 64) {
    throw new Refusal(400, `Invalid Service Meta: Node metadata cannot contain more than 64 key/value pairs`)
  }
  for (const [key, value] of entries) {
    const fault = metaFault(key, value)
    if (fault === undefined) continue
    throw new Refusal(400, `Invalid Service Meta: Couldn't load metadata pair ('${key}', '${value}'): ${fault}`)
  }
  return Object.fromEntries(entries)
}

function metaFault(key: string, value: string): string | undefined {
  if (key === '') return 'Key cannot be blank'
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return 'Key contains invalid characters'
  if (key.length > 128) return 'Key is too long (limit: 128 characters)'
  if (key.startsWith('consul-')) return "Key prefix 'consul-' is reserved for internal use"
  return value.length > 512 ? 'Value is too long (limit: 512 characters)' : undefined
}

/** An IP as Address is offered as tagged addresses too, unless the body has its own. */
function addAddresses(
  given: ReturnType<typeof ADDRESSES> | undefined,
  address: string,
  port: number,
): Pick<ServiceBody, 'TaggedAddresses'> {
  const version = isIP(address)
  const implied = version === 0 ? [] : [`lan_ipv${version}`, `wan_ipv${version}`]
  const offered = Object.fromEntries(implied.map((name) => [name, { Address: address, Port: port }]))
  return taggedAddresses({ ...offered, ...given })
}

/** In the order of their names. No field at all where there is none. */
export function taggedAddresses(given: ReturnType<typeof ADDRESSES> = {}): Pick<ServiceBody, 'TaggedAddresses'> {
  const named = Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1))
  if (named.length === 0) return {}
  const TaggedAddresses = named.map(([name, { Address = '', Port = 0 }]) => [name, { Address, Port }])
  return { TaggedAddresses: Object.fromEntries(TaggedAddresses) }
}

/** The checks of a service with their IDs and names; `{}` is no check at all. */
export function serviceChecks(input: ReturnType<typeof SERVICE>, service: Omit<ServiceBody, 'Node'>): CheckInput[] {
  const given = [...(input.Check === undefined ? [] : [input.Check]), ...(input.Checks ?? [])]
  const checks = given.filter((check) => Object.keys(check).length > 0)
  return checks.map((check, position) => {
    const numbered = checks.length > 1 ? `:${position + 1}` : ''
    const id = check.CheckID || `service:${service.ID}${numbered}`
    const status = checkStatus(check.Status, "Status for checks must 'passing', 'warning', 'critical'")
    return checkInput(
      { ...check, ServiceID: service.ID },
      id,
      check.Name || `Service '${service.Service}' check`,
      status,
    )
  })
}

const STATUSES: readonly string[] = ['passing', 'warning', 'critical'] satisfies Status[]

export function isStatus(text: string): text is Status {
  return STATUSES.includes(text)
}

/** Critical unless said otherwise. */
export function checkStatus(given: string | undefined, refusal: string): Status {
  if (given === undefined || given === '') return 'critical'
  if (!isStatus(given)) throw new Refusal(400, refusal)
  return given
}

export function checkInput(check: CheckFields, id: string, name: string, status: Status): CheckInput {
  checkName('check ID', id)
  const { type, definition } = checkDefinition(check)
  return {
    CheckID: id,
    Name: name,
    Status: status,
    Notes: check.Notes ?? '',
    Output: '',
    ServiceID: check.ServiceID ?? '',
    Type: type,
    Interval: check.Interval === undefined ? '' : formatDuration(check.Interval),
    Timeout: check.Timeout === undefined ? '' : formatDuration(check.Timeout),
    Definition: {},
    definition,
  }
}
