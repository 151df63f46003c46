/** The session that a request shows, renewed at the provider where that is due. */
import { asSkeinError } from '../../../core/errors.ts'
import type { AuthRequest } from '../contract.ts'
import type { Login, LoginParts } from './login.ts'
import { isNavigation } from './places.ts'
import { Renewals } from './renewals.ts'
import type { Session } from './sessions.ts'

/**
 * Pages renew when it is due; what scripts ask for waits longer, by chance up to so long: other gateways that have the same
 * browser would ask with the same token, and the page that comes first brings them all a new one.
 */
const PATIENCE_MS = 30_000
/** After a provider has failed no request waits for it for so long; sessions go on meanwhile. */
const PAUSE_MS = 10_000

export class Sitting {
  readonly login: Login
  readonly #parts: LoginParts
  readonly #patienceMs: number
  readonly #renewals: Renewals
  #pausedUntil = Number.NEGATIVE_INFINITY

  constructor(login: Login, parts: LoginParts) {
    this.login = login
    this.#parts = parts
    this.#patienceMs = parts.random() * PATIENCE_MS
    this.#renewals = new Renewals(parts.clock)
  }

  /** Undefined = nobody is signed in. A session that is renewed gets the claims `names`, and the browser its new cookies. */
  async of(request: AuthRequest, names: readonly string[]): Promise<Session | undefined> {
    const session = this.login.sessions.read(request.headers)
    if (session === undefined || !this.#isDue(session, request)) return session
    try {
      const renewed = await this.#renewals.of(session.refreshToken!, () => this.#renew(session, names))
      const cookies = renewed === undefined ? [] : this.login.sessions.write(renewed, request.headers)
      for (const one of cookies) request.tell('set-cookie', one)
      return renewed
    } catch (thrown) {
      this.#pause(asSkeinError(thrown))
      return session
    }
  }

  /** The answer to an upgrade has no place for cookies: the next request will do. */
  #isDue({ refreshToken, freshUntil = 0 }: Session, request: AuthRequest): boolean {
    const { clock } = this.#parts
    if (refreshToken === undefined || request.upgrading) return false
    if (clock.now() < freshUntil + (isNavigation(request) ? 0 : this.#patienceMs)) return false
    return clock.monotonic() >= this.#pausedUntil
  }

  /** Undefined when the provider has ended it, or names somebody else. What else it says is no word about this session. */
  async #renew(session: Session, names: readonly string[]): Promise<Session | undefined> {
    try {
      return await this.login.renew(session, names)
    } catch (thrown) {
      const reason = String(asSkeinError(thrown).details['reason'])
      if (reason === 'oidc_invalid_grant' || reason.startsWith('oidc_id_token_')) return undefined
      throw thrown
    }
  }

  #pause({ message, details, cause }: { message: string; details: object; cause?: unknown }): void {
    const { clock, log } = this.#parts
    this.#pausedUntil = clock.monotonic() + PAUSE_MS
    const words = 'sessions could not be renewed at the OpenID provider; they go on for now'
    log.warn({ issuer: this.login.settings.issuer, message, ...details, err: cause }, words)
  }
}
