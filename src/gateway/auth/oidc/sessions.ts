/** Sessions in the browsers' cookies: no gateway keeps any, so each of several can read them, and a restart ends none. */
import { createHash } from 'node:crypto'
import type { Clock } from '../../../core/clock.ts'
import { SkeinError } from '../../../core/errors.ts'
import { cookiesOf, joined, noCookie, OWN_COOKIES, partsOf, shared } from './cookies.ts'
import { Seal } from './seal.ts'
import type { OidcSettings } from './settings.ts'

export interface Session {
  /** Of this form; others are of another release and count as none. */
  readonly v: 1
  readonly sub: string
  /** Of the sign-in; tokens of later renewals may repeat it, and have no other. */
  readonly nonce: string
  /** Those of the ID token that a route asks for, of all names that were asked for at the sign-in. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly names: readonly string[]
  /** When it ends whatever happens, ms since the epoch. */
  readonly until: number
  /** From when on the provider is asked whether it goes on, ms since the epoch; only with a refresh token. */
  readonly freshUntil?: number
  readonly refreshToken?: string
  /** For the provider's logout. */
  readonly idToken?: string
}

type Headers = Parameters<typeof cookiesOf>[0]

export class Sessions {
  /** Of the session's cookie, and what those of logins under way begin with. */
  readonly cookie: string
  readonly #seal: Seal
  readonly #clock: Clock

  constructor({ issuer, clientId, at, keys }: OidcSettings, clock: Clock) {
    const login = JSON.stringify([issuer, clientId, at])
    this.cookie = OWN_COOKIES + createHash('sha256').update(login).digest('hex').slice(0, 8)
    this.#seal = new Seal(keys, `skein session ${login}`)
    this.#clock = clock
  }

  /** The session that a request shows, if it has one that has not ended. */
  read(headers: Headers): Session | undefined {
    const text = joined(this.cookie, cookiesOf(headers))
    const session = text === undefined ? undefined : (this.#seal.open(text) as Session | undefined)
    return session?.v === 1 && this.#clock.now() < session.until ? session : undefined
  }

  /** Values of Set-Cookie. @throws SkeinError when it does not fit into cookies. */
  write(session: Session, headers: Headers): string[] {
    const shown = cookiesOf(headers)
    const seconds = Math.max(0, Math.ceil((session.until - this.#clock.now()) / 1000))
    const { idToken: _, ...smaller } = session
    // The logout does without: the provider asks once more.
    for (const one of [session, smaller]) {
      const cookies = shared(this.cookie, this.#seal.close(one), seconds, shown)
      if (cookies !== undefined) return cookies
    }
    const message = 'what the provider tells does not fit into cookies: forward fewer claims'
    throw new SkeinError('UPSTREAM_FAILED', message, { reason: 'oidc_session_too_large' })
  }

  /** Values of Set-Cookie that take away what a request shows. */
  remove(headers: Headers): string[] {
    return partsOf(this.cookie, cookiesOf(headers)).map(noCookie)
  }
}
