/** Who may use a route: clients with an API key, or with a token of an issuer that is trusted. */
import type { JSONWebKeySet } from 'jose'
import type { HashKeySource } from '../../balance/contract.ts'
import { checkHashKeySource } from '../../balance/hash-key.ts'
import {
  type Check,
  either,
  fields,
  isRecord,
  listOf,
  mapOf,
  matching,
  notEmpty,
  oneOf,
  oneOrMore,
  type Report,
  serviceName,
  syntax,
  text,
  wholeNumber,
  yesOrNo,
} from '../check.ts'
import { checkPath } from '../route-syntax.ts'
import { nameProblem } from './header-edits.ts'
import { isSafeUrl, JWT_ALGORITHMS } from './jwt-words.ts'
import { checkOidc, type OidcConfig } from './oidc.ts'

export interface AuthConfig {
  readonly apiKeys?: ApiKeyConfig
  /** One, or one for each issuer. */
  readonly jwt?: JwtConfig | readonly JwtConfig[]
  /** Lets people sign in with a browser, at an OpenID provider. */
  readonly oidc?: OidcConfig
  /** Asks a service of your own, where neither key nor token decides. */
  readonly forwardAuth?: ForwardAuthConfig
  /** Lets in who shows nothing at all; what is shown must be right all the same. Default false. */
  readonly optional?: boolean
}

export interface ForwardAuthConfig {
  /** The service that decides: 2xx = yes, 3xx and 4xx are the client's answer, all else is a 502. */
  readonly to: string
  /** Asked by GET; default `/`. Method, URI, host and address of the request are in x-forwarded-method, -uri, -host and -for. */
  readonly path?: string
  /** Fields of the request that it gets; default authorization and cookie. */
  readonly send?: readonly string[]
  /** Fields of a yes that the upstream gets; from elsewhere they are never let through. `x-auth-subject`, who it is, always. */
  readonly forward?: readonly string[]
  /** How long a yes holds: for the same request, or for all requests with the same fields. Default: it is asked each time. */
  readonly cache?: { readonly seconds: number; readonly by?: 'request' | 'credentials' }
  /** Default 2000. */
  readonly timeoutMs?: number
}

export interface ApiKeyConfig {
  /** Where the key is: `header:x-api-key` (default), `query:key`, `cookie:key`; of `header:authorization` what follows Bearer. */
  readonly in?: HashKeySource
  /** Client → `sha256:<64 hex digits>` of its key, or several while keys change. No key stands in a configuration. */
  readonly keys: Readonly<Record<string, string | readonly string[]>>
}

export interface JwtConfig {
  /** `iss`, exactly. */
  readonly issuer: string
  /** One of these must be in `aud`. */
  readonly audience: string | readonly string[]
  /** Where the issuer publishes its keys (JWKS): an https URL, or the keys themselves. */
  readonly jwks: string | JSONWebKeySet
  /** Default RS256, PS256, ES256 and EdDSA. */
  readonly algorithms?: readonly string[]
  /** How far the clocks may differ; default 5. */
  readonly clockSkewSeconds?: number
  /** Older tokens are refused whatever they say, by `iat`; default: no limit. */
  readonly maxAgeSeconds?: number
  /** The `typ` of the head, such as `at+jwt`, so that an ID token is not taken for an access token. Default: any. */
  readonly type?: string
  /** Claim → value it must have: equal, one of a list, or a word of a text (scope). A list here: any of them. Else 403. */
  readonly claims?: Readonly<Record<string, string | readonly string[]>>
  /** Claim → header in which the upstream gets it; from elsewhere that header is never let through. */
  readonly forward?: Readonly<Record<string, string>>
}

const digest = matching(/^sha256:[0-9a-f]{64}$/, 'the SHA-256 of a key', `sha256:${'0'.repeat(64)}`)

const place: Check = (value, report) => {
  const problem = checkHashKeySource(value)
  if (problem !== undefined) report(problem, 'Write it like "header:x-api-key".')
  else if (!/^(header|query|cookie):/.test(String(value)))
    report(`"${value}" is no place for a key`, 'Write "header:x-api-key".')
}

const checkApiKeys = fields(
  { in: place, keys: mapOf(oneOrMore(digest, '["sha256:…"]'), '{ shop: "sha256:…" }') },
  '{ keys: { shop: "sha256:…" } }',
  ['keys'],
)

const checkJwks: Check = (value, report) => {
  if (isRecord(value) && Array.isArray(value['keys']) && value['keys'].every(isRecord)) return
  // Whoever can change the keys on their way can make any token.
  if (!isSafeUrl(value))
    report('is neither an https URL nor a set of keys', 'Write "https://login.example.com/jwks.json".')
}

const JWT_EXAMPLE =
  '{ issuer: "https://login.example.com", audience: "shop", jwks: "https://login.example.com/jwks.json" }'

const checkJwt = fields(
  {
    issuer: text('https://login.example.com'),
    audience: notEmpty(oneOrMore(text('shop'), '["shop"]')),
    jwks: checkJwks,
    algorithms: notEmpty(listOf(oneOf(JWT_ALGORITHMS), '["ES256"]')),
    clockSkewSeconds: wholeNumber(0, 300),
    maxAgeSeconds: wholeNumber(1),
    type: text('at+jwt'),
    claims: mapOf(notEmpty(oneOrMore(text('orders:read'), '["orders:read"]')), '{ scope: "orders:read" }'),
    forward: mapOf(text('x-user-email', nameProblem), '{ email: "x-user-email" }'),
  },
  JWT_EXAMPLE,
  ['issuer', 'audience', 'jwks'],
)

const headerNames = listOf(text('x-user', nameProblem), '["x-user"]')

const checkForwardAuth = fields(
  {
    to: serviceName,
    path: syntax(checkPath),
    send: headerNames,
    forward: headerNames,
    cache: fields({ seconds: wholeNumber(1, 3600), by: oneOf(['request', 'credentials']) }, '{ seconds: 30 }', [
      'seconds',
    ]),
    timeoutMs: wholeNumber(1),
  },
  '{ to: "login", path: "/check" }',
  ['to'],
)

const checkFields = fields(
  {
    forwardAuth: checkForwardAuth,
    apiKeys: checkApiKeys,
    jwt: oneOrMore(checkJwt, `[${JWT_EXAMPLE}]`),
    oidc: checkOidc,
    optional: yesOrNo,
  },
  '{ apiKeys: { keys: { shop: "sha256:…" } } }',
)

export const checkAuth: Check = either([false], (value, report, context) => {
  checkFields(value, report, context)
  if (isRecord(value)) checkTogether(value, report)
})

function checkTogether({ apiKeys, jwt, oidc, forwardAuth, optional }: Record<string, unknown>, report: Report): void {
  if ([apiKeys, jwt, oidc, forwardAuth].every((one) => one === undefined)) {
    report('names neither apiKeys, jwt, oidc nor forwardAuth', 'Give one of them, or leave it out.')
  }
  if (forwardAuth !== undefined && optional !== undefined) {
    report('stands beside forwardAuth, which decides by itself', 'Leave it out.', '.optional')
  }
  const keyPlace = isRecord(apiKeys) && typeof apiKeys['in'] === 'string' ? apiKeys['in'].toLowerCase() : ''
  if (keyPlace === 'header:authorization' && jwt !== undefined) {
    report('is where tokens are', 'Take another header for keys, or leave one of the two out.', '.apiKeys.in')
  }
  const issuers = [jwt ?? []].flat().map((one) => (isRecord(one) ? one['issuer'] : undefined))
  if (new Set(issuers).size < issuers.length)
    report('names an issuer twice', 'Write one entry for each issuer.', '.jwt')
}
