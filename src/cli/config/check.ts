/** Everything that may be wrong with a config, found in one go. */
import path from 'node:path'
import { type Issue, IssueList } from '../../core/issues.ts'
import { checkAddresses } from '../../discovery/addresses.ts'
import { checkGatewayConfig } from '../../gateway/config.ts'
import { DEFAULT_GATEWAY_PORT, DEFAULT_REGISTRY_PORT } from '../define.ts'
import { checkDnsOptions } from '../dns-options.ts'
import { DEFAULT_DNS_PORT } from '../dns-port.ts'
import { checkService } from './check-service.ts'
import { checkPort, checkText, type Fields, isObject, join, refuseUnknownKeys, shown } from './shape.ts'

/** All mistakes of `value`, the default export of `file`; none = it is a `FleetConfig`. Paths are relative to the file. */
export function checkConfig(value: unknown, file: string): Issue[] {
  const issues = new IssueList(file)
  if (!isObject(value)) {
    const fix = 'Write: export default fleet({ services: { … } }).'
    issues.add('', value === undefined ? 'has no default export' : `exports ${shown(value)}, not a config`, fix)
    return issues.issues
  }
  refuseUnknownKeys(value, ['services', 'registry', 'gateway'], issues, '')
  const services = checkServices(value['services'], path.dirname(path.resolve(file)), issues)
  checkRegistry(value['registry'], issues)
  const { gateway } = value
  if (gateway !== undefined && gateway !== false) checkGatewayConfig(gateway, issues, 'gateway', Object.keys(services))
  checkSharedPorts(value, services, issues)
  return issues.issues
}

function checkServices(value: unknown, dir: string, issues: IssueList): Fields {
  if (!isObject(value)) {
    issues.add('services', `${shown(value)} is not an object`, "Write { users: { entry: './users/service.ts' } }.")
    return {}
  }
  for (const [name, service] of Object.entries(value)) checkService(name, service, dir, issues)
  return value
}

function checkRegistry(value: unknown, issues: IssueList): void {
  if (value === undefined) return
  if (!isObject(value)) {
    issues.add('registry', `${shown(value)} is not an object`, 'Write { port: 8500 }.')
    return
  }
  refuseUnknownKeys(value, ['port', 'dnsPort', 'dns', 'host', 'data', 'acl', 'address'], issues, 'registry')
  checkPort(value['port'], issues, 'registry.port')
  if (value['dnsPort'] !== 'off') checkPort(value['dnsPort'], issues, 'registry.dnsPort')
  checkDnsOptions(value['dns'], issues, 'registry.dns')
  checkText(value['host'], issues, 'registry.host', '127.0.0.1')
  checkText(value['data'], issues, 'registry.data', '.skein/registry')
  if (value['acl'] !== undefined && typeof value['acl'] !== 'boolean') {
    issues.add('registry.acl', `${shown(value['acl'])} is not a boolean`, 'Write true or false.')
  }
  if (checkText(value['address'], issues, 'registry.address', 'http://consul.example:8500')) {
    checkAddress(value, issues)
  }
}

/** An address is of a registry that runs already: what describes one to start contradicts it. */
function checkAddress(registry: Fields, issues: IssueList): void {
  const { address } = registry
  if (address === undefined) return
  for (const message of checkAddresses(String(address))) {
    issues.add('registry.address', message, "Write 'http://consul.example:8500', or several with commas.")
  }
  for (const key of ['port', 'dnsPort', 'dns', 'host', 'data', 'acl'] as const) {
    if (registry[key] !== undefined) {
      issues.add(`registry.${key}`, 'stands beside address, which means none is started', 'Keep one of the two.')
    }
  }
}

/** Two parts on one fixed port would only fail later, one of them at random. */
function checkSharedPorts(config: Fields, services: Fields, issues: IssueList): void {
  const taken = new Map<number, string>()
  for (const [key, port] of fixedPorts(config, services)) {
    if (port === 0) continue // any free one
    const other = taken.get(port)
    if (other !== undefined) issues.add(key, `port ${port} is also that of ${other}`, 'Give each its own.')
    else taken.set(port, key)
  }
}

function* fixedPorts(config: Fields, services: Fields): Generator<[key: string, port: number]> {
  const { registry, gateway } = config
  const { address, port, dnsPort = DEFAULT_DNS_PORT }: Fields = isObject(registry) ? registry : {}
  if (address === undefined) {
    yield ['registry.port', Number(port ?? DEFAULT_REGISTRY_PORT)]
    if (dnsPort !== 'off') yield ['registry.dnsPort', Number(dnsPort)]
  }
  if (isObject(gateway)) yield ['gateway.port', Number(gateway['port'] ?? DEFAULT_GATEWAY_PORT)]
  for (const [name, service] of Object.entries(services)) {
    if (isObject(service) && typeof service['port'] === 'number')
      yield [`${join('services', name)}.port`, service['port']]
  }
}
