/** What can be set about the registry's DNS: `registry.dns` of a config, and `skein registry --dns` as JSON. */
import { IssueList } from '../core/issues.ts'
import { type DnsOptions, dnsSettings } from '../registry/dns/settings.ts'
import { UsageError } from './command.ts'
import { type Fields, isObject, refuseUnknownKeys, shown } from './config/shape.ts'

/** Where it listens is said elsewhere. */
export type DnsConfig = Omit<DnsOptions, 'host'>

const KINDS: Readonly<Record<keyof DnsConfig, 'string' | 'number' | 'boolean' | 'numbers'>> = {
  domain: 'string',
  serviceTtl: 'numbers',
  nodeTtl: 'number',
  soa: 'numbers',
  onlyPassing: 'boolean',
  aRecordLimit: 'number',
  udpAnswerLimit: 'number',
  truncate: 'boolean',
  nodeMetaTxt: 'boolean',
}

/** Adds every mistake to `issues`. */
export function checkDnsOptions(value: unknown, issues: IssueList, key: string): void {
  if (value === undefined) return
  if (!isObject(value)) {
    issues.add(key, `${shown(value)} is not an object`, "Write { serviceTtl: { '*': 5 } }.")
    return
  }
  refuseUnknownKeys(value, Object.keys(KINDS), issues, key)
  const before = issues.issues.length
  for (const [name, kind] of Object.entries(KINDS)) checkKind(value[name], kind, issues, `${key}.${name}`)
  if (issues.issues.length === before) checkValues(value, issues, key)
}

function checkKind(value: unknown, kind: string, issues: IssueList, key: string): void {
  const isFit = kind === 'numbers' ? isObject(value) && Object.values(value).every(isNumber) : kindOf(value) === kind
  if (value === undefined || isFit) return
  const wanted = kind === 'numbers' ? 'an object of numbers' : `a ${kind}`
  issues.add(key, `${shown(value)} is not ${wanted}`, `Write ${wanted}; times are in seconds.`)
}

const kindOf = (value: unknown) => typeof value as string
const isNumber = (value: unknown) => kindOf(value) === 'number'

/** Ranges are the registry's affair. */
function checkValues(value: Fields, issues: IssueList, key: string): void {
  try {
    dnsSettings(value)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const [, name = '', message = error.message] = /^dns\.(\S+): (.*)$/.exec(error.message) ?? []
    issues.add(`${key}.${name}`, message, 'Write one that fits.')
  }
}

/** The value of `--dns`. @throws UsageError with every mistake. */
export function readDnsOptions(text: string | undefined): DnsConfig {
  if (text === undefined) return {}
  const issues = new IssueList('--dns')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--dns: this is no JSON: ${(error as Error).message}`)
  }
  checkDnsOptions(value, issues, 'dns')
  if (issues.issues.length > 0)
    throw new UsageError(`--dns: ${issues.issues.map((one) => `${one.key}: ${one.message}`).join('; ')}`)
  return value as DnsConfig
}
