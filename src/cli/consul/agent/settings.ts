/** What an agent is to do, from flags, configuration files and defaults: the first that says something counts. */
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { ConfigError, type Issue } from '../../../core/issues.ts'
import type { LogLevel } from '../../../core/log.ts'
import { SETTINGS } from '../../../core/settings.ts'
import type { AclOptions } from '../../../registry/acl/access-control.ts'
import { parseDuration } from '../../../registry/api/duration.ts'
import { type DnsOptions, dnsSettings } from '../../../registry/dns/settings.ts'
import { DEFAULT_REGISTRY_PORT } from '../../define.ts'
import { DEFAULT_DNS_PORT } from '../../dns-port.ts'
import type { Fields } from '../config/check.ts'
import { type LoadedConfig, loadConfig, type Source } from '../config/load.ts'
import type { ConsulCall } from '../contract.ts'
import type { AGENT_FLAGS } from './flags.ts'

export type AgentCall = ConsulCall<typeof AGENT_FLAGS>

export interface AgentSettings {
  readonly host: string
  readonly port: number
  /** Undefined: no DNS. */
  readonly dnsPort: number | undefined
  readonly dns: DnsOptions
  /** Undefined: everything in memory. */
  readonly dataDir: string | undefined
  readonly nodeName: string | undefined
  readonly datacenter: string | undefined
  /** Undefined: 10 s, as in Consul. */
  readonly sessionTtlMinMs: number | undefined
  readonly logLevel: LogLevel | undefined
  readonly pidFile: string | undefined
  /** What every client must bring; undefined with ACLs. */
  readonly token: string | undefined
  readonly acl: AclOptions | undefined
  /** True = serve beyond loopback without either. */
  readonly unprotected: boolean
  readonly allowedHosts: readonly string[]
  readonly warnings: readonly string[]
}

/** The files of the command line, in its order. */
export function configSources({ given, flags }: AgentCall): Source[] {
  const format = flags['config-format']
  return given.flatMap(([name, value]): Source[] => {
    if (name === 'config-file' || name === 'config-dir') return [{ name: value, format }]
    return name === 'hcl' ? [{ name: '-hcl', text: value }] : []
  })
}

/** @throws ConfigError with every mistake. */
export function agentSettings(call: AgentCall): { settings: AgentSettings; config: LoadedConfig } {
  const config = loadConfig(configSources(call), call.cwd)
  const { flags, cwd, env } = call
  const { fields } = config
  const issues: Issue[] = []
  const ports = objectAt(fields, 'ports')
  const clients = (flags.client ?? textAt(fields, 'client_addr') ?? '127.0.0.1').trim().split(/\s+/)
  const addresses = objectAt(fields, 'addresses')
  const host = textAt(addresses, 'http') ?? clients[0]!
  const dnsPort = flags['dns-port'] ?? numberAt(ports, 'dns') ?? DEFAULT_DNS_PORT
  const dataDir = flags['data-dir'] ?? textAt(fields, 'data_dir')
  const pidFile = flags['pid-file'] ?? textAt(fields, 'pid_file')
  const acl = aclOptions(objectAt(fields, 'acl'), env[SETTINGS.token], issues)
  const settings: AgentSettings = {
    host: checkAddress(host, issues),
    port: checkHttpPort(flags['http-port'] ?? numberAt(ports, 'http') ?? DEFAULT_REGISTRY_PORT, issues),
    dnsPort: dnsPort === -1 ? undefined : dnsPort,
    dns: checkDns(
      dnsOptions(fields, flags.domain, checkAddress(textAt(addresses, 'dns') ?? clients[0]!, issues)),
      issues,
    ),
    dataDir: flags.dev ? undefined : path.resolve(cwd, dataDir ?? ''),
    nodeName: flags.node || textAt(fields, 'node_name') || undefined,
    sessionTtlMinMs: durationAt(fields, 'session_ttl_min'),
    datacenter: (flags.datacenter || textAt(fields, 'datacenter') || undefined)?.toLowerCase(),
    logLevel: readLevel(flags['log-level'] ?? textAt(fields, 'log_level'), issues),
    pidFile: pidFile === undefined ? undefined : path.resolve(cwd, pidFile),
    token: acl === undefined ? env[SETTINGS.token] : undefined,
    acl,
    unprotected: flags.unprotected === true,
    allowedHosts: flags['allow-host'] ?? [],
    warnings: [...unknownFlags(call), ...config.warnings, ...limitations(call, fields, clients)],
  }
  if (!flags.dev && dataDir === undefined)
    issues.push(issue('data_dir', 'it is not set', 'Give -data-dir=<folder>, or -dev to keep everything in memory.'))
  if (issues.length > 0) throw new ConfigError(issues)
  return { settings, config }
}

function issue(key: string, message: string, fix: string): Issue {
  return { file: 'consul agent', key, message, fix }
}

/** Consul also takes templates and sockets there. */
function checkAddress(address: string, issues: Issue[]): string {
  const what = address.includes('{{') ? 'templates are' : address.startsWith('unix:') ? 'sockets are' : undefined
  if (what !== undefined)
    issues.push(issue('client_addr', `${address}: ${what} not supported`, 'Write the address, such as 127.0.0.1.'))
  return address
}

function checkHttpPort(port: number, issues: Issue[]): number {
  if (port === -1)
    issues.push(
      issue('ports.http', '-1: without its HTTP API an agent has no use', 'Give a port, or 0 for any free one.'),
    )
  return port
}

/** Undefined: they are off, as in Consul unless `enabled` says otherwise. What is to be done in the agent's own name is a secret of this process. */
function aclOptions(acl: Fields, own: string | undefined, issues: Issue[]): AclOptions | undefined {
  if (flagAt(acl, 'enabled') !== true) return undefined
  const tokens = objectAt(acl, 'tokens')
  const policy = textAt(acl, 'default_policy') ?? 'allow'
  if (policy !== 'allow' && policy !== 'deny')
    issues.push(issue('acl.default_policy', `${policy} is none`, 'Write allow or deny.'))
  return {
    defaultPolicy: policy === 'deny' ? 'deny' : 'allow',
    initialManagement: textAt(tokens, 'initial_management') ?? textAt(tokens, 'master'),
    defaultToken: textAt(tokens, 'default'),
    dnsToken: textAt(tokens, 'dns'),
    keyListPolicy: flagAt(acl, 'enable_key_list_policy'),
    ownToken: own ?? randomUUID(),
  }
}

const LEVELS: Readonly<Record<string, LogLevel>> = {
  ...{ trace: 'trace', debug: 'debug', info: 'info', warn: 'warn', warning: 'warn', err: 'error', error: 'error' },
}

function readLevel(text: string | undefined, issues: Issue[]): LogLevel | undefined {
  if (text === undefined) return undefined
  const name = text.toLowerCase()
  if (Object.hasOwn(LEVELS, name)) return LEVELS[name]
  issues.push(issue('log_level', `${text} is no level`, 'Write trace, debug, info, warn or err.'))
  return undefined
}

function dnsOptions(fields: Fields, domain: string | undefined, host: string): DnsOptions {
  const dns = objectAt(fields, 'dns_config')
  const soa = objectAt(dns, 'soa')
  const ttls = Object.entries(objectAt(dns, 'service_ttl')).map(([name, ttl]) => [name, seconds(String(ttl))] as const)
  const nodeTtl = textAt(dns, 'node_ttl')
  return {
    host,
    domain: (domain || textAt(fields, 'domain') || undefined)?.replace(/\.$/, ''),
    serviceTtl: Object.fromEntries(ttls),
    nodeTtl: nodeTtl === undefined ? undefined : seconds(nodeTtl),
    soa: {
      refresh: numberAt(soa, 'refresh'),
      retry: numberAt(soa, 'retry'),
      expire: numberAt(soa, 'expire'),
      minTtl: numberAt(soa, 'min_ttl'),
    },
    onlyPassing: flagAt(dns, 'only_passing'),
    aRecordLimit: numberAt(dns, 'a_record_limit'),
    udpAnswerLimit: numberAt(dns, 'udp_answer_limit'),
    truncate: flagAt(dns, 'enable_truncate'),
    nodeMetaTxt: flagAt(dns, 'enable_additional_node_meta_txt'),
  }
}

/** Names and ranges are DNS's own affair; it speaks of its options, here they have the names of the file. */
function checkDns(options: DnsOptions, issues: Issue[]): DnsOptions {
  try {
    dnsSettings(options)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const [, option = '', message = error.message] = /^dns\.(\S+): (.*)$/.exec(error.message) ?? []
    const key = option.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    issues.push(issue(key === 'domain' ? key : `dns_config.${key}`, message, 'Write one that fits.'))
  }
  return options
}

/** The unit of DNS. The form was checked when the files were read. */
const seconds = (duration: string) => Math.floor(parseDuration(duration) / 1000)

function unknownFlags({ unknown }: AgentCall): string[] {
  return unknown.map((name) => `unknown flag -${name} has no effect`)
}

/** What was asked for and is not to be had. */
function limitations({ flags }: AgentCall, fields: Fields, clients: readonly string[]): string[] {
  const expected = Number(flags['bootstrap-expect'] ?? numberAt(fields, 'bootstrap_expect') ?? 1)
  const https = flags['https-port'] ?? numberAt(objectAt(fields, 'ports'), 'https') ?? -1
  return [
    ...(expected > 1 ? [`${expected} servers are expected: there is one registry, which waits for no other`] : []),
    ...(clients.length > 1 ? [`several addresses to listen on: only ${clients[0]} is`] : []),
    ...(https > 0 ? [`HTTPS on port ${https} is not served: put a proxy in front`] : []),
  ]
}

// The types were checked when the files were read.
const objectAt = (fields: Fields, key: string) => (fields[key] ?? {}) as Fields
const textAt = (fields: Fields, key: string) => fields[key] as string | undefined
const durationAt = (fields: Fields, key: string) => {
  const text = textAt(fields, key)
  return text === undefined ? undefined : parseDuration(text)
}
const numberAt = (fields: Fields, key: string) => fields[key] as number | undefined
const flagAt = (fields: Fields, key: string) => fields[key] as boolean | undefined
