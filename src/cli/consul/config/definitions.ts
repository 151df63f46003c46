/** Services and checks of a configuration file, in the spelling of the API: `service_id` there is `ServiceID` here. */
import { type Fields, isObject } from './check.ts'

export interface Definition {
  readonly file: string
  /** Where in the file: `services[0]`. */
  readonly place: string
  readonly id: string
  /** What agent/service/register or agent/check/register takes. */
  readonly body: Fields
}

export interface Definitions {
  readonly services: readonly Definition[]
  readonly checks: readonly Definition[]
}

const SERVICE = spellings([
  ...['ID', 'Name', 'Tags', 'Address', 'TaggedAddresses', 'Meta', 'Port', 'SocketPath', 'Check', 'Checks', 'Weights'],
  ...['EnableTagOverride', 'Token', 'Kind', 'Proxy', 'Connect', 'Locality'],
])
const CHECK_NAMES = [
  ...['Name', 'Notes', 'Status', 'ServiceID', 'Token', 'TTL', 'HTTP', 'Method', 'Header', 'Body', 'DisableRedirects'],
  ...[
    'TCP',
    'TCPUseTLS',
    'UDP',
    'GRPC',
    'GRPCUseTLS',
    'H2PING',
    'H2PingUseTLS',
    'OSService',
    'AliasNode',
    'AliasService',
  ],
  ...['DockerContainerID', 'Shell', 'ScriptArgs', 'Interval', 'Timeout', 'TLSServerName', 'TLSSkipVerify'],
  ...['SuccessBeforePassing', 'FailuresBeforeWarning', 'FailuresBeforeCritical', 'DeregisterCriticalServiceAfter'],
  'OutputMaxSize',
]
/** Inside a service the API calls it CheckID, outside ID; files may say either. */
const CHECK = new Map([...spellings(CHECK_NAMES), ['args', 'ScriptArgs'], ['id', 'ID'], ['checkid', 'ID']])
const SERVICE_CHECK = new Map([...CHECK, ['id', 'CheckID'], ['checkid', 'CheckID']])

/** The API's names by their letters alone. */
function spellings(names: readonly string[]): Map<string, string> {
  return new Map(names.map((name) => [name.toLowerCase(), name]))
}

/** The definitions of one file; unknown keys in them are left out and told in `warnings`. */
export function definitionsOf(fields: Fields, file: string, warnings: string[]): Definitions {
  const services = listed(fields, 'service').map(([place, one]) => {
    const body = serviceBody(one, place, warnings)
    return { file, place, id: String(body['ID'] || body['Name'] || ''), body }
  })
  const checks = listed(fields, 'check').map(([place, one]) => {
    const body = respell(one, CHECK, place, warnings)
    return { file, place, id: String(body['ID'] || body['Name'] || ''), body }
  })
  return { services, checks }
}

/** `service: {…}`, `service: [{…}]` and `services: […]` all mean the same. */
function listed(fields: Fields, name: string): [place: string, one: Fields][] {
  return [name, `${name}s`].flatMap((key) => {
    const value = fields[key]
    if (isObject(value)) return [[key, value] as [string, Fields]]
    return Array.isArray(value) ? value.filter(isObject).map((one, i) => [`${key}[${i}]`, one] as [string, Fields]) : []
  })
}

function serviceBody(one: Fields, place: string, warnings: string[]): Fields {
  const { Check, Checks, ...body } = respell(one, SERVICE, place, warnings)
  const all = [Check, Checks].flat().filter(isObject)
  if (all.length === 0) return body
  return { ...body, Checks: all.map((check, i) => respell(check, SERVICE_CHECK, `${place}.checks[${i}]`, warnings)) }
}

function respell(one: Fields, names: ReadonlyMap<string, string>, place: string, warnings: string[]): Fields {
  const entries = Object.entries(one).flatMap(([key, value]) => {
    const name = names.get(key.toLowerCase().replaceAll('_', ''))
    if (name === undefined) warnings.push(`unknown key ${place}.${key} has no effect`)
    return name === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(entries)
}
