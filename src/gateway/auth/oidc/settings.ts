/** A login ready for use: its secrets read, its defaults filled in. */
import { createHash } from 'node:crypto'
import type { IssueList } from '../../../core/issues.ts'
import { DEFAULT_AT, loginId, type OidcConfig } from '../../rule/oidc.ts'
import { readSecret } from '../../secret.ts'

export interface OidcSettings {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string | undefined
  /** 32 bytes each; the first seals. */
  readonly keys: readonly Buffer[]
  readonly scope: string
  readonly at: string
  readonly origin: string | undefined
  readonly sessionMs: number
  readonly afterLogout: string
  readonly parameters: Readonly<Record<string, string>>
  readonly algorithms: readonly string[]
  readonly clockSkewSeconds: number
  readonly timeoutMs: number
  /** The same after a reload that changed neither the login nor its secrets. */
  readonly id: string
}

const KEY_FIX = 'Make one with `openssl rand -hex 32`.'

/** Undefined where `issues` say why not. `key` is where the config stands. */
export function readOidc(config: OidcConfig, key: string, issues: IssueList): OidcSettings | undefined {
  const before = issues.issues.length
  const clientSecret = config.clientSecret && readSecret(config.clientSecret, `${key}.clientSecret`, issues)
  const listed = [config.keys].flat()
  const keys = listed.map((secret, i) => {
    const place = Array.isArray(config.keys) ? `${key}.keys[${i}]` : `${key}.keys`
    return keyOf(readSecret(secret, place, issues), place, issues)
  })
  if (issues.issues.length > before) return undefined
  return settingsOf(config, clientSecret, keys as Buffer[])
}

function keyOf(text: string | undefined, key: string, issues: IssueList): Buffer | undefined {
  if (text === undefined) return undefined
  const isHex = /^[0-9a-f]{64}$/i.test(text)
  // With `-` and `_` or `+` and `/`: Node reads both.
  const bytes = isHex
    ? Buffer.from(text, 'hex')
    : /^[\w+/-]{43}=?$/.test(text)
      ? Buffer.from(text, 'base64')
      : undefined
  if (bytes?.length === 32) return bytes
  issues.add(key, 'is not 32 bytes in hex or base64', KEY_FIX)
  return undefined
}

function settingsOf(config: OidcConfig, clientSecret: string | undefined, keys: readonly Buffer[]): OidcSettings {
  const secrets = createHash('sha256').update(JSON.stringify([clientSecret, keys.map((one) => one.toString('hex'))]))
  return {
    issuer: config.issuer,
    clientId: config.clientId,
    clientSecret,
    keys,
    scope: [...new Set(['openid', ...(config.scopes ?? [])])].join(' '),
    at: config.at ?? DEFAULT_AT,
    origin: config.origin,
    sessionMs: (config.sessionSeconds ?? 28_800) * 1000,
    afterLogout: config.afterLogout ?? '/',
    parameters: config.parameters ?? {},
    algorithms: config.algorithms ?? ['RS256', 'PS256', 'ES256', 'EdDSA'],
    clockSkewSeconds: config.clockSkewSeconds ?? 5,
    timeoutMs: config.timeoutMs ?? 3000,
    id: `${loginId(config)} ${secrets.digest('base64')}`,
  }
}
