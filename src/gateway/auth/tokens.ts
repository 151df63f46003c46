/** JSON Web Tokens (RFC 7519) as bearer tokens (RFC 6750), checked by jose as RFC 8725 asks: algorithms pinned, all claims that bind. */
import { createLocalJWKSet, decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { KeyedRequest } from '../../balance/hash-key.ts'
import type { Clock } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { FieldEdits } from '../field-edits.ts'
import type { JwtConfig } from '../rule/auth.ts'
import { checkClaims, forwardClaims } from './claims.ts'
import type { Authenticator, AuthParts, Decision } from './contract.ts'
import { KeySet } from './key-set.ts'
import { Verdicts } from './verdicts.ts'

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA']
const CLOCK_SKEW_SECONDS = 5
const TOKEN_MAX = 8 * 1024
const BEARER = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i

interface Issuer {
  readonly config: JwtConfig
  readonly keys: JWTVerifyGetKey
}

interface Verified {
  readonly config: JwtConfig
  readonly payload: JWTPayload
}

export class Tokens implements Authenticator {
  readonly scheme = 'Bearer'
  readonly ownFields: readonly string[]
  readonly #issuers: ReadonlyMap<string, Issuer>
  readonly #parts: Pick<AuthParts, 'clock' | 'log'>
  readonly #verdicts = new Verdicts<Verified>()

  constructor(configs: readonly JwtConfig[], parts: Pick<AuthParts, 'clock' | 'log'>) {
    this.#parts = parts
    this.ownFields = configs.flatMap(({ forward = {} }) => Object.values(forward).map((name) => name.toLowerCase()))
    const forget = () => this.#verdicts.forget()
    this.#issuers = new Map(configs.map((config) => [config.issuer, { config, keys: keysOf(config, parts, forget) }]))
  }

  async decide({ headers }: KeyedRequest, edits: FieldEdits): Promise<Decision | undefined> {
    const shown = header(headers, 'authorization')
    if (shown === undefined) return undefined
    const { config, payload } = await this.#verified(shown)
    const { sub } = payload
    if (typeof sub !== 'string' || sub === '') throw refused('token_sub', 'the token names nobody')
    checkClaims(config, payload)
    forwardClaims(config, payload, edits)
    const { issuer } = config
    return { identity: { subject: `jwt:${issuer}|${sub}`, name: sub, issuer } }
  }

  async #verified(shown: string): Promise<Verified> {
    const token = shown.length > TOKEN_MAX ? undefined : BEARER.exec(shown)?.[1]
    if (token === undefined)
      throw refused('token_form', 'Authorization holds no bearer token of the form that is asked for')
    try {
      return await this.#verdicts.of(token, this.#parts.clock.now(), () => this.#verify(token))
    } catch (error) {
      throw error instanceof SkeinError ? error : refusal(error)
    }
  }

  async #verify(token: string): Promise<{ verdict: Verified; validUntil: number }> {
    const { config, keys } = this.#issuerOf(token)
    const { payload } = await jwtVerify(token, keys, optionsFor(config, this.#parts.clock))
    return { verdict: { config, payload }, validUntil: endOf(config, payload) }
  }

  /** By what the token says of itself: only which keys are tried depends on it. */
  #issuerOf(token: string): Issuer {
    const { iss } = decodeJwt(token)
    const issuer = typeof iss === 'string' ? this.#issuers.get(iss) : undefined
    if (issuer === undefined) throw refused('token_iss', 'the token is of an issuer that is not trusted here')
    return issuer
  }
}

/** When the token stops being right by itself, ms since the epoch. */
function endOf({ maxAgeSeconds = Number.POSITIVE_INFINITY, clockSkewSeconds }: JwtConfig, payload: JWTPayload): number {
  const { exp = 0, iat = Number.POSITIVE_INFINITY } = payload
  return (Math.min(exp, iat + maxAgeSeconds) + (clockSkewSeconds ?? CLOCK_SKEW_SECONDS)) * 1000
}

function keysOf({ jwks }: JwtConfig, parts: Pick<AuthParts, 'clock' | 'log'>, onChange: () => void): JWTVerifyGetKey {
  if (typeof jwks !== 'string') return createLocalJWKSet(jwks)
  const set = new KeySet(jwks, parts, onChange)
  return (head) => set.resolve(head)
}

function optionsFor(config: JwtConfig, clock: Clock) {
  const { issuer, audience, algorithms = ALGORITHMS, clockSkewSeconds = CLOCK_SKEW_SECONDS } = config
  return {
    issuer,
    audience: [audience].flat(),
    algorithms: [...algorithms],
    clockTolerance: clockSkewSeconds,
    currentDate: new Date(clock.now()),
    requiredClaims: ['exp', 'sub'],
    ...(config.maxAgeSeconds === undefined ? {} : { maxTokenAge: config.maxAgeSeconds }),
    ...(config.type === undefined ? {} : { typ: config.type }),
  }
}

/** Stable words for logs; the client is told no more than helps who is honest. */
function refusal(error: unknown): SkeinError {
  if (error instanceof errors.JWTExpired) return refused('token_expired', 'the token has expired', error)
  if (error instanceof errors.JWTClaimValidationFailed) {
    return refused(`token_${error.claim}`, `the token's "${error.claim}" is not right here`, error)
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return refused('token_signature', "the token's signature is not right", error)
  }
  if (error instanceof errors.JOSEAlgNotAllowed)
    return refused('token_alg', "the token's algorithm is not allowed", error)
  if (error instanceof errors.JWKSNoMatchingKey) return refused('token_key', "the token's key is not known", error)
  // Whatever else jose, or the platform's cryptography below it, finds wrong: only the token can be the cause.
  return refused('token_invalid', 'this is no valid token', error)
}

function refused(reason: string, message: string, cause?: unknown): SkeinError {
  return new SkeinError('UNAUTHENTICATED', message, { reason }, cause)
}
