/** The Redis in which several gateways count together: as it stands in the configuration, and as it is used. */
import { ConfigError, IssueList } from '../../core/issues.ts'
import { readPem } from '../../core/pem.ts'
import { type Check, type Checks, fields, isRecord, matching, text, wholeNumber } from '../check.ts'
import { checkSecret, readSecret, type Secret } from '../secret.ts'

export interface RedisConfig {
  /** `redis://user:password@host:6379/0`, `rediss://` for TLS; better where only the gateway sees it: `{ env: 'REDIS_URL' }`. */
  readonly url: string | Secret
  /** How long a request waits for Redis before it is counted by its gateway alone; default 100. */
  readonly timeoutMs?: number
  /** In front of all keys; default `skein:limit`. Gateways with the same one count together. */
  readonly prefix?: string
  /** PEM file or text: the authorities that sign for a `rediss://`, where they are not the system's. */
  readonly ca?: string
}

/** Where Redis is, and who we are there. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly ca: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
}

export interface RedisSettings {
  readonly address: RedisAddress
  readonly timeoutMs: number
  readonly prefix: string
}

const TIMEOUT_MS = 100
const PREFIX = 'skein:limit'
const DEFAULT_PORT = 6379
const EXAMPLE = 'redis://10.0.0.7:6379'
const FIX = `Write it like "${EXAMPLE}", or "rediss://…" for TLS.`

/** What is wrong with an address, without saying it: it may hold a password. */
function problemOf(url: string): string | undefined {
  const parsed = URL.parse(url)
  if (parsed === null || !/^rediss?:$/.test(parsed.protocol)) return 'is no redis:// or rediss:// address'
  if (parsed.hostname === '') return 'names no host'
  if (!/^(\/\d{0,5})?$/.test(parsed.pathname)) return 'ends in something that is no number of a database'
  if (parsed.search !== '' || parsed.hash !== '') return 'has a query, which means nothing here'
  return [parsed.username, parsed.password].every(isDecodable) ? undefined : 'has a "%" that escapes nothing'
}

const checkUrl: Check = (value, report, context) => {
  if (typeof value !== 'string') return checkSecret(value, report, context)
  const problem = problemOf(value)
  if (problem !== undefined) report(problem, FIX)
}

const checkFields = fields(
  {
    url: checkUrl,
    timeoutMs: wholeNumber(1, 5000),
    prefix: matching(/^[\w:.{}-]{1,64}$/, 'a prefix of letters, digits and _ : . - { }', PREFIX),
    ca: text('./redis-ca.pem'),
  } satisfies Checks<RedisConfig>,
  `{ url: "${EXAMPLE}" }`,
  ['url'],
)

export const checkRedis: Check = (value, report, context) =>
  (isRecord(value) && !('env' in value) && !('file' in value) ? checkFields : checkUrl)(value, report, context)

/** @throws ConfigError where the address or a file cannot be had. */
export function readRedis(config: RedisConfig | string | Secret): RedisSettings {
  const issues = new IssueList('gateway')
  const isWhole = typeof config === 'object' && 'url' in config
  const { url, timeoutMs = TIMEOUT_MS, prefix = PREFIX, ca }: RedisConfig = isWhole ? config : { url: config }
  const key = isWhole ? 'redis.url' : 'redis'
  const given = typeof url === 'string' ? url : readSecret(url, key, issues)
  const problem = given === undefined ? undefined : problemOf(given)
  if (problem !== undefined) issues.add(key, `what it names ${problem}`, FIX)
  const authorities = ca === undefined ? undefined : readPem(ca, 'redis.ca', issues)
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  return { address: addressOf(given!, authorities), timeoutMs, prefix }
}

function addressOf(url: string, ca: string | undefined): RedisAddress {
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? DEFAULT_PORT : Number(port),
    tls: protocol === 'rediss:',
    ca,
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
    database: Number(pathname.slice(1)),
  }
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false // a lone "%", which is reported in words
  }
}
