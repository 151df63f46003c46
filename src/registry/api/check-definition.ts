/** What a check definition means: its kind, whether it is complete, whether this registry runs such checks. */

import { splitTarget } from '../checks/grpc.ts'
import { CHECK_KINDS } from '../checks/kinds.ts'
import { forbiddenTarget } from '../checks/target.ts'
import type { CheckDefinition } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import type { CheckFields } from './check-fields.ts'

/** Kinds by the field that marks them, in order of precedence when several are given. */
const KINDS = [
  ['GRPC', 'grpc'],
  ['HTTP', 'http'],
  ['TTL', 'ttl'],
  ['TCP', 'tcp'],
  ['UDP', 'udp'],
  ['AliasService', 'alias'],
  ['AliasNode', 'alias'],
  ['DockerContainerID', 'docker'],
  ['ScriptArgs', 'script'],
  ['H2PING', 'h2ping'],
  ['OSService', 'os_service'],
] as const

const SUPPORTED: readonly string[] = Object.keys(CHECK_KINDS)
/** Kinds that connect to `host:port`: how errors call the field, and where it stands. */
const ADDRESSES: Readonly<Record<string, { field: string; of: (check: CheckFields) => string }>> = {
  tcp: { field: 'TCP', of: ({ TCP = '' }) => TCP },
  udp: { field: 'UDP', of: ({ UDP = '' }) => UDP },
  h2ping: { field: 'H2PING', of: ({ H2PING = '' }) => H2PING },
  grpc: { field: 'GRPC', of: ({ GRPC = '' }) => splitTarget(GRPC).address },
}
/** Methods that a health page may need. DELETE and its like would turn a check into a weapon. */
const METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'POST']

/** @throws Refusal 400 `Invalid check: …`. */
export function checkDefinition(check: CheckFields): { type: string; definition: CheckDefinition } {
  const kinds = KINDS.filter(([field]) => isGiven(check[field])).map(([, kind]) => kind)
  refuseCode(kinds)
  refuseIncomplete(check, kinds)
  const type = kinds[0]!
  if (!SUPPORTED.includes(type)) {
    throw invalid(`checks of type ${type} are not supported here; use ${SUPPORTED.join(', ')}`)
  }
  refuseTarget(check, type)
  return { type, definition: definitionOf(check, type) }
}

const isGiven = (value: unknown) => (Array.isArray(value) ? value.length > 0 : Boolean(value))

const invalid = (reason: string) => new Refusal(400, `Invalid check: ${reason}`)

/** Running a command that came over the network is remote code execution by design: never, whoever asks. */
function refuseCode(kinds: readonly string[]): void {
  if (!kinds.includes('script') && !kinds.includes('docker')) return
  throw invalid('Scripts are disabled on this agent from remote calls: they would let anyone run commands here')
}

function refuseIncomplete(check: CheckFields, kinds: readonly string[]): void {
  const { Interval = 0, TTL = 0, FailuresBeforeWarning: warning, FailuresBeforeCritical: critical = 0 } = check
  const { OutputMaxSize = 0 } = check
  const runs = kinds.some((kind) => kind !== 'ttl' && kind !== 'alias')
  if (kinds.includes('alias') && Interval > 0) throw invalid('Interval cannot be set for Alias checks')
  if (runs && Interval <= 0) {
    throw invalid('Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks')
  }
  if (Interval > 0 && TTL > 0) throw invalid('Interval and TTL cannot both be specified')
  if (kinds.length === 0 || TTL < 0) throw invalid('TTL must be > 0 for TTL checks')
  if (OutputMaxSize < 0) throw invalid('MaxOutputMaxSize must be positive')
  if (warning !== undefined && warning > critical) {
    throw invalid("FailuresBeforeWarning can't be higher than FailuresBeforeCritical")
  }
}

function refuseTarget(check: CheckFields, type: string): void {
  const { HTTP = '', Method = '', Header = {} } = check
  const fault = type === 'http' ? (forbiddenTarget(HTTP) ?? badHeader(Header)) : undefined
  if (fault !== undefined) throw invalid(fault)
  const address = ADDRESSES[type]
  if (address !== undefined) refuseAddress(address.field, address.of(check))
  if (Method !== '' && !METHODS.includes(Method.toUpperCase())) {
    throw invalid(`Method ${Method} is not allowed in a check; use ${METHODS.join(', ')}`)
  }
}

function refuseAddress(field: string, address: string): void {
  if (!/^[^/?#@\s]+:\d+$/.test(address)) throw invalid(`${field} takes host:port${field === 'GRPC' ? '/service' : ''}`)
  const reason = forbiddenTarget(`http://${address}`)
  if (reason !== undefined) throw invalid(reason)
}

function badHeader(header: Readonly<Record<string, readonly string[]>>): string | undefined {
  for (const [name, values] of Object.entries(header)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return `Header name ${JSON.stringify(name)} is not valid`
    if (values.some((value) => /[^\t\x20-\x7e\x80-\xff]/.test(value))) return `Header ${name} has an invalid value`
    if (/^(connection|content-length|transfer-encoding|upgrade|te|trailer)$/i.test(name)) {
      return `Header ${name} cannot be set by a check`
    }
  }
  return undefined
}

/** No time, or less than none, counts as not given. */
const positive = (ms = 0) => (ms > 0 ? ms : undefined)

/** Only what the kind uses, so that the same definition is always the same record. */
function definitionOf(check: CheckFields, type: string): CheckDefinition {
  const chosen: Record<string, unknown> = {
    ttlMs: type === 'ttl' ? check.TTL : undefined,
    http: type === 'http' ? check.HTTP : undefined,
    method: type === 'http' ? check.Method?.toUpperCase() : undefined,
    header: type === 'http' ? check.Header : undefined,
    body: type === 'http' ? check.Body : undefined,
    disableRedirects: type === 'http' ? check.DisableRedirects : undefined,
    tcp: type === 'tcp' ? check.TCP : undefined,
    tcpUseTls: type === 'tcp' ? check.TCPUseTLS : undefined,
    grpc: type === 'grpc' ? check.GRPC : undefined,
    grpcUseTls: type === 'grpc' ? check.GRPCUseTLS : undefined,
    h2ping: type === 'h2ping' ? check.H2PING : undefined,
    h2pingUseTls: type === 'h2ping' ? (check.H2PingUseTLS ?? true) : undefined,
    udp: type === 'udp' ? check.UDP : undefined,
    aliasNode: type === 'alias' ? check.AliasNode : undefined,
    aliasService: type === 'alias' ? check.AliasService : undefined,
    tlsServerName: check.TLSServerName,
    tlsSkipVerify: check.TLSSkipVerify,
    intervalMs: type === 'ttl' ? undefined : check.Interval,
    timeoutMs: positive(check.Timeout),
    successBeforePassing: check.SuccessBeforePassing,
    failuresBeforeWarning: check.FailuresBeforeWarning,
    failuresBeforeCritical: check.FailuresBeforeCritical,
    deregisterAfterMs: positive(check.DeregisterCriticalServiceAfter),
    outputMaxSize: check.OutputMaxSize,
  }
  return Object.fromEntries(Object.entries(chosen).filter(([, value]) => isGiven(value)))
}
