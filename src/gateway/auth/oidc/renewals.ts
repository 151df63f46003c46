/**
 * One refresh for each refresh token, whoever asks at the same time or a little later: a page loads with ten requests that all
 * show the same cookie, and a provider that sees a token for the second time takes it for stolen and ends the session.
 */
import type { Clock } from '../../../core/clock.ts'
import type { Session } from './sessions.ts'

/** So long after a refresh a browser may still show the cookie from before it. */
const KEPT_MS = 300_000
const KEPT_MAX = 10_000

interface Kept {
  readonly session: Promise<Session | undefined>
  readonly at: number
}

export class Renewals {
  readonly #clock: Clock
  /** By refresh token, in order of asking. */
  readonly #kept = new Map<string, Kept>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What `renew` makes of the token: a session, or undefined = it is over. What it throws is not kept. */
  of(refreshToken: string, renew: () => Promise<Session | undefined>): Promise<Session | undefined> {
    this.#forget()
    const known = this.#kept.get(refreshToken)
    if (known !== undefined) return known.session
    const session = renew()
    this.#kept.set(refreshToken, { session, at: this.#clock.monotonic() })
    session.catch(() => this.#kept.delete(refreshToken))
    return session
  }

  #forget(): void {
    const now = this.#clock.monotonic()
    for (const [token, { at }] of this.#kept) {
      if (now - at < KEPT_MS && this.#kept.size < KEPT_MAX) return
      this.#kept.delete(token)
    }
  }
}
