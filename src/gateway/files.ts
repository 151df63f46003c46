/** The files that a gateway's config names. Pure but for paths. */
import path from 'node:path'
import { isRecord } from './check.ts'
import type { GatewayConfig } from './contract.ts'

/** Where a config names a file; `*` stands for each entry. What is PEM text is no file. */
const PLACES: readonly string[] = [
  'tls.certificates.*.cert',
  'tls.certificates.*.key',
  'redis.file',
  'redis.url.file',
  'redis.ca',
  ...['ca', 'cert', 'key'].map((name) => `routes.*.upstreamTls.${name}`),
  'routes.*.balance.keys.*.file',
  ...['routes.*', 'defaults'].flatMap((rules) =>
    ['clientSecret.file', 'keys.file', 'keys.*.file'].map((name) => `${rules}.auth.oidc.${name}`),
  ),
]

/** The config with its files as they are seen from `folder`, in which it stands. What is no config comes back as it is. */
export function withFilesFrom(folder: string, config: GatewayConfig): GatewayConfig {
  const seen = (value: unknown) => (isFile(value) ? path.resolve(folder, value) : value)
  return PLACES.reduce<unknown>((all, place) => changedAt(all, place.split('.'), seen), config) as GatewayConfig
}

function isFile(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.startsWith('-----BEGIN')
}

/** A copy of what lies on the way, the rest is the same. */
function changedAt(value: unknown, [key, ...rest]: readonly string[], change: (value: unknown) => unknown): unknown {
  if (key === undefined) return change(value)
  if (key === '*') return Array.isArray(value) ? value.map((one) => changedAt(one, rest, change)) : value
  if (!isRecord(value) || value[key] === undefined) return value
  return { ...value, [key]: changedAt(value[key], rest, change) }
}
