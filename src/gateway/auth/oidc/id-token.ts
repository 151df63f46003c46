/**
 * ID tokens (OpenID Connect Core §3.1.3.7), by jose: signature with pinned algorithms, issuer, audience, times, and what binds the
 * token to this login and to the access token beside it. oauth4webapi has looked at the claims already; it leaves the
 * signature of a token that came over TLS to whoever wants it, and we do.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type JWTPayload, jwtVerify } from 'jose'
import type { Clock } from '../../../core/clock.ts'
import { SkeinError } from '../../../core/errors.ts'
import type { KeySet } from '../key-set.ts'
import type { OidcSettings } from './settings.ts'

const TOKEN_MAX = 16 * 1024

export interface Expected {
  readonly nonce: string
  /** Of whom the session is that is renewed: then the token may lack the nonce (§12.2). Undefined for a new one. */
  readonly subject: string | undefined
  readonly accessToken: string
}

/** @throws SkeinError UNAUTHENTICATED, or UNREACHABLE when there are no keys to be had. */
export async function verifyIdToken(
  token: string,
  expected: Expected,
  { settings, keys, clock }: { readonly settings: OidcSettings; readonly keys: KeySet; readonly clock: Clock },
): Promise<JWTPayload> {
  if (token.length > TOKEN_MAX) throw refused('size')
  const { payload, alg } = await verified(token, settings, keys, clock)
  const { sub, nonce, aud, azp } = payload
  if (typeof sub !== 'string' || sub === '') throw refused('sub')
  if (expected.subject !== undefined && sub !== expected.subject) throw refused('sub')
  if (nonce !== expected.nonce && (nonce !== undefined || expected.subject === undefined)) throw refused('nonce')
  if (Array.isArray(aud) && aud.length > 1 && azp === undefined) throw refused('azp')
  if (azp !== undefined && azp !== settings.clientId) throw refused('azp')
  if (!isHashOf(payload['at_hash'], expected.accessToken, alg)) throw refused('at_hash')
  return payload
}

async function verified(token: string, settings: OidcSettings, keys: KeySet, clock: Clock) {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, (head) => keys.resolve(head), {
      issuer: settings.issuer,
      audience: settings.clientId,
      algorithms: [...settings.algorithms],
      clockTolerance: settings.clockSkewSeconds,
      currentDate: new Date(clock.now()),
      requiredClaims: ['exp', 'iat', 'sub'],
    })
    return { payload, alg: protectedHeader.alg }
  } catch (error) {
    if (error instanceof SkeinError) throw error
    throw refused((error as { code?: string }).code?.toLowerCase() ?? 'invalid', error)
  }
}

/** §3.1.3.6: half of the access token's digest, by the hash of the signature. Where the claim is absent, it says nothing. */
function isHashOf(claim: unknown, accessToken: string, alg: string): boolean {
  if (claim === undefined) return true
  const bits = /^[A-Z]{2}(256|384|512)$/.exec(alg)?.[1] ?? '512' // Ed25519 hashes with SHA-512
  const digest = createHash(`sha${bits}`).update(accessToken, 'ascii').digest()
  const wanted = digest.subarray(0, digest.length / 2).toString('base64url')
  return typeof claim === 'string' && claim.length === wanted.length && timingSafeEqual(bytes(claim), bytes(wanted))
}

const bytes = (text: string) => Buffer.from(text, 'latin1')

function refused(what: string, cause?: unknown): SkeinError {
  const message = 'the provider’s ID token is not right here'
  return new SkeinError('UNAUTHENTICATED', message, { reason: `oidc_id_token_${what}` }, cause)
}
