/** TLS towards instances: as it stands with a route, and read. */
import { createSecureContext } from 'node:tls'
import type { UpstreamTls } from '../client/protocol.ts'
import { ConfigError, IssueList } from '../core/issues.ts'
import { readPem, tryPem } from '../core/pem.ts'
import { type Check, type Checks, fields, text } from './check.ts'

export interface UpstreamTlsConfig {
  /** PEM file or text: who may have signed the instances' certificates. Default: whom Node trusts. */
  readonly ca?: string
  /** Shown to instances that ask for one: PEM file or text, with its key. */
  readonly cert?: string
  readonly key?: string
  /** The name that certificates must be for; default: the instance's address. */
  readonly serverName?: string
}

export const checkUpstreamTls: Check = fields(
  {
    ca: text('./ca.pem'),
    cert: text('./gateway.pem'),
    key: text('./gateway.key'),
    serverName: text('users.internal'),
  } satisfies Checks<UpstreamTlsConfig>,
  '{ ca: "./ca.pem", serverName: "users.internal" }',
)

/** `key` says where it stands. @throws ConfigError that names each file which cannot be read or used. */
export function readUpstreamTls({ serverName, ...files }: UpstreamTlsConfig, key: string): UpstreamTls {
  const issues = new IssueList('gateway')
  const read = Object.entries(files).map(([name, value]) => [name, readPem(value, `${key}.${name}`, issues)])
  const tls: UpstreamTls = { ...Object.fromEntries(read), serverName }
  if (issues.issues.length === 0) checkUse(tls, key, issues)
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  return tls
}

function checkUse({ ca, cert, key: secret }: UpstreamTls, key: string, issues: IssueList): void {
  const pems = { ...(ca && { ca }), ...(cert && { cert }), ...(secret && { key: secret }) }
  tryPem(() => createSecureContext(pems), key, issues)
}
