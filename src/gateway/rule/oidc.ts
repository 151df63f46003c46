/** How people sign in with a browser: at an OpenID provider that is trusted. */
import {
  type Check,
  type Checks,
  fields,
  isRecord,
  listOf,
  mapOf,
  matching,
  notEmpty,
  oneOf,
  oneOrMore,
  type Report,
  text,
  wholeNumber,
} from '../check.ts'
import { checkSecret, type Secret } from '../secret.ts'
import { nameProblem } from './header-edits.ts'
import { isSafeUrl, JWT_ALGORITHMS } from './jwt-words.ts'

export interface OidcConfig {
  /** The provider, exactly as it calls itself; what it can do is read below it, at `.well-known/openid-configuration`. */
  readonly issuer: string
  /** Who this gateway is to the provider. */
  readonly clientId: string
  /** Absent for a client that has none: then PKCE alone binds a sign-in to its browser. */
  readonly clientSecret?: Secret
  /** Of cookies: 32 random bytes in hex or base64. The first seals, all open: a new one comes first, the old one goes later. */
  readonly keys: Secret | readonly Secret[]
  /** Beside `openid`: what the provider shall tell; `offline_access` for sessions that it can end. */
  readonly scopes?: readonly string[]
  /** Path below which callback, login and logout are; default `/oauth2`. */
  readonly at?: string
  /** Where browsers see this gateway; default: as each request says. */
  readonly origin?: string
  /** How long a sign-in holds at most; default 28800 (8 h). */
  readonly sessionSeconds?: number
  /** Path or URL to which a logout leads; default `/`. */
  readonly afterLogout?: string
  /** More for the provider's login page: `{ prompt: 'consent' }`. */
  readonly parameters?: Readonly<Record<string, string>>
  /** Of ID tokens; default RS256, PS256, ES256 and EdDSA. */
  readonly algorithms?: readonly string[]
  /** How far the provider's clock may differ; default 5. */
  readonly clockSkewSeconds?: number
  /** How long the provider has for an answer; default 3000. */
  readonly timeoutMs?: number
  /** As for tokens: claim → value it must have, else 403. */
  readonly claims?: Readonly<Record<string, string | readonly string[]>>
  /** As for tokens: claim → header in which the upstream gets it. */
  readonly forward?: Readonly<Record<string, string>>
}

export const DEFAULT_AT = '/oauth2'

const EXAMPLE =
  '{ issuer: "https://login.example.com", clientId: "shop", clientSecret: { env: "OIDC_SECRET" }, keys: { env: "SESSION_KEY" } }'

const checkIssuer = text('https://login.example.com', (value) => {
  const isPlain = isSafeUrl(value) && !/[?#]/.test(value)
  // Whoever stands between gateway and provider could be anyone.
  return isPlain ? undefined : 'is no https URL'
})

const checkOrigin = text('https://shop.example.com', (value) => {
  const url = URL.parse(value)
  const isRight = url !== null && /^https?:$/.test(url.protocol) && url.origin === value
  return isRight ? undefined : 'is no scheme and host alone'
})

/** Ours, and what would change the kind of answer. */
const RESERVED =
  /^(client_id|client_secret|redirect_uri|response_type|response_mode|scope|state|nonce|code_challenge.*|request.*)$/

const checkParameters: Check = (value, report, context) => {
  mapOf(text('consent'), '{ prompt: "consent" }')(value, report, context)
  for (const name of Object.keys(isRecord(value) ? value : {})) {
    if (RESERVED.test(name)) report('is the gateway’s to say', 'Leave it out.', `.${name}`)
  }
}

export const checkOidc: Check = fields(
  {
    issuer: checkIssuer,
    clientId: text('shop'),
    clientSecret: checkSecret,
    keys: notEmpty(oneOrMore(checkSecret, '[{ env: "SESSION_KEY" }]')),
    scopes: listOf(matching(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'a scope', 'email'), '["email"]'),
    at: matching(/^(\/[\w.~-]*[\w~-])+$/, 'a plain path that starts with "/" and does not end in one', DEFAULT_AT),
    origin: checkOrigin,
    sessionSeconds: wholeNumber(60, 2_592_000),
    afterLogout: text('/', (value) => (isPathOrUrl(value) ? undefined : 'is neither a path nor an http URL')),
    parameters: checkParameters,
    algorithms: notEmpty(listOf(oneOf(JWT_ALGORITHMS), '["ES256"]')),
    clockSkewSeconds: wholeNumber(0, 300),
    timeoutMs: wholeNumber(1, 60_000),
    claims: mapOf(notEmpty(oneOrMore(text('admin'), '["admin"]')), '{ groups: "admin" }'),
    forward: mapOf(text('x-user-email', nameProblem), '{ email: "x-user-email" }'),
  } satisfies Checks<OidcConfig>,
  EXAMPLE,
  ['issuer', 'clientId', 'keys'],
)

function isPathOrUrl(value: string): boolean {
  return /^\/(?![/\\])[\x21-\x7e]*$/.test(value) || /^https?:$/.test(URL.parse(value)?.protocol ?? '')
}

/** Those that a route looks at. */
export function claimNames({ claims = {}, forward = {} }: OidcConfig): string[] {
  return [...new Set([...Object.keys(claims), ...Object.keys(forward)])]
}

/** What tells one login from another: routes that differ in the rest share their sessions. */
export function loginId({ claims: _, forward: __, ...login }: OidcConfig): string {
  return JSON.stringify(Object.entries(login).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Two logins cannot have one callback: an answer of the one provider could be passed off as the other's. */
export function checkLogins(routes: readonly unknown[], defaults: unknown, report: Report): void {
  const seen = new Map<string, { id: string; index: number }>()
  for (const [index, route] of routes.entries()) {
    const oidc = oidcOf(route) ?? (isRecord(route) && route['auth'] === undefined ? oidcOf(defaults) : undefined)
    if (oidc === undefined || !isRecord(route)) continue
    const { host } = route
    const at = [typeof host === 'string' ? host.toLowerCase() : host, oidc.at ?? DEFAULT_AT]
    const [id, place] = [loginId(oidc), JSON.stringify(at)]
    const other = seen.get(place)
    if (other === undefined) seen.set(place, { id, index })
    else if (other.id !== id) {
      const fix = `Give it a path of its own, as in at: "/oauth2-${index}", and tell its provider.`
      report(`is where route ${other.index} has another login`, fix, `[${index}].auth.oidc.at`)
    }
  }
}

function oidcOf(rules: unknown): OidcConfig | undefined {
  const auth = isRecord(rules) ? rules['auth'] : undefined
  const oidc = isRecord(auth) ? auth['oidc'] : undefined
  return isRecord(oidc) ? (oidc as unknown as OidcConfig) : undefined
}
