/**
 * Signing in at an OpenID provider (OpenID Connect Core §3.1, the authorisation code flow, with PKCE of RFC 7636): a redirect there, a
 * callback from there, a session, and its end. All that is remembered between redirect and callback lies sealed in the
 * browser that began, under the name of its state: so several tabs may sign in at once, and nobody for another.
 */
import type { TokenEndpointResponse } from 'oauth4webapi'
import { SkeinError } from '../../../core/errors.ts'
import type { AuthParts, AuthReply, AuthRequest } from '../contract.ts'
import { cookie, cookiesOf, noCookie } from './cookies.ts'
import { verifyIdToken } from './id-token.ts'
import { keepsCookies, localPlace } from './places.ts'
import { Provider } from './provider.ts'
import { Seal } from './seal.ts'
import { type Session, Sessions } from './sessions.ts'
import type { OidcSettings } from './settings.ts'

/** From redirect to callback: a password, a second factor, a lost phone. */
const LOGIN_SECONDS = 900
/** Logins under way in one browser; those that are given up would fill the request's head. */
const LOGINS_MAX = 4
/** A provider that does not say how long its access tokens hold. */
const FRESH_SECONDS = 300
/** It is not asked more often, whatever it says. */
const FRESH_SECONDS_MIN = 30

export type LoginParts = Pick<AuthParts, 'clock' | 'log' | 'random'>

interface Attempt {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly redirectUri: string
  readonly returnTo: string
  /** ms since the epoch. */
  readonly until: number
}

export class Login {
  readonly settings: OidcSettings
  readonly sessions: Sessions
  readonly provider: Provider
  readonly #parts: Pick<AuthParts, 'clock' | 'log'>
  readonly #seal: Seal

  constructor(settings: OidcSettings, parts: Pick<AuthParts, 'clock' | 'log'>) {
    this.settings = settings
    this.#parts = parts
    this.sessions = new Sessions(settings, parts.clock)
    this.provider = new Provider(settings, parts)
    this.#seal = new Seal(settings.keys, `skein login ${this.sessions.cookie}`)
  }

  /** As URLs write it, whatever letters and ports Host has: providers compare it to the letter. @throws SkeinError BAD_REQUEST */
  originOf({ origin }: AuthRequest): string {
    const known = this.settings.origin ?? URL.parse(origin)?.origin
    if (known !== undefined) return known
    throw new SkeinError('BAD_REQUEST', 'no browser could have come to this Host', { reason: 'oidc_host' })
  }

  /** Sends a browser to the provider, and from there back to `place`. */
  async start(request: AuthRequest, place: string): Promise<AuthReply> {
    const origin = this.originOf(request)
    if (!keepsCookies(origin)) {
      const message = 'a sign-in needs https: give the gateway tls, trustedProxies, or auth.oidc.origin'
      throw new SkeinError('FORBIDDEN', message, { reason: 'oidc_needs_https' })
    }
    const oauth = await import('oauth4webapi')
    const attempt: Attempt = {
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(),
      redirectUri: `${origin}${this.settings.at}/callback`,
      returnTo: localPlace(place, origin) ?? '/',
      until: this.#parts.clock.now() + LOGIN_SECONDS * 1000,
    }
    const url = await this.#loginPage(attempt, await oauth.calculatePKCECodeChallenge(attempt.verifier))
    const set = cookie(this.#cookieFor(attempt.state), this.#seal.close(attempt), LOGIN_SECONDS)
    return redirect(url, [set, ...this.#givenUp(request)])
  }

  /** Makes a session with the claims `names` of the provider's answer, and sends the browser to where it wanted to go. */
  async finish(request: AuthRequest, names: readonly string[]): Promise<AuthReply> {
    const answer = new URLSearchParams(request.query)
    const attempt = this.#attemptOf(request, answer)
    const tokens = await this.provider.redeem(answer, attempt)
    const session = await this.#sessionOf(tokens, names, attempt.nonce)
    const cookies = [...this.sessions.write(session, request.headers), noCookie(this.#cookieFor(attempt.state))]
    const { origin } = new URL(attempt.redirectUri)
    return redirect(`${origin}${attempt.returnTo}`, cookies)
  }

  /** The session with what the provider says by now. @throws as Provider.refresh and verifyIdToken do. */
  async renew(session: Session, names: readonly string[]): Promise<Session> {
    const tokens = await this.provider.refresh(session.refreshToken!)
    if (tokens.id_token !== undefined) return this.#sessionOf(tokens, names, session.nonce, session)
    return { ...session, ...this.#renewalOf(tokens, session) }
  }

  /** For who runs the gateway: what the client is told is only that something was not right. */
  noteFailure({ message, details: { reason }, cause }: SkeinError): void {
    if (!(cause instanceof Error)) return
    const { issuer } = this.settings
    this.#parts.log.warn({ issuer, reason, err: new Error(cause.message) }, `a sign-in failed: ${message}`)
  }

  /** What a failed callback leaves behind. */
  forgetAttempt({ query }: AuthRequest): string[] {
    const state = new URLSearchParams(query).get('state') ?? ''
    return /^[\w-]{43}$/.test(state) ? [noCookie(this.#cookieFor(state))] : []
  }

  async #loginPage({ state, nonce, redirectUri }: Attempt, challenge: string): Promise<string> {
    const { server } = await this.provider.metadata()
    const url = this.provider.endpoint(server, 'authorization_endpoint')!
    const asked = {
      ...this.settings.parameters,
      ...{ client_id: this.settings.clientId, response_type: 'code', scope: this.settings.scope },
      ...{ redirect_uri: redirectUri, state, nonce, code_challenge: challenge, code_challenge_method: 'S256' },
    }
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
    return url.href
  }

  #cookieFor(state: string): string {
    return `${this.sessions.cookie}-${state.slice(0, 8)}`
  }

  #attemptOf({ headers }: AuthRequest, answer: URLSearchParams): Attempt {
    const [state = '', ...more] = answer.getAll('state')
    const sealed = cookiesOf(headers).get(this.#cookieFor(state))
    const attempt = sealed === undefined ? undefined : (this.#seal.open(sealed) as Attempt | undefined)
    if (attempt === undefined || more.length > 0 || attempt.state !== state) {
      const message = 'no sign-in of this browser is under way that this would end'
      throw new SkeinError('UNAUTHENTICATED', message, { reason: 'oidc_state' })
    }
    if (this.#parts.clock.now() >= attempt.until) {
      throw new SkeinError('UNAUTHENTICATED', 'this sign-in took too long', { reason: 'oidc_late' })
    }
    return attempt
  }

  async #sessionOf(
    tokens: TokenEndpointResponse,
    names: readonly string[],
    nonce: string,
    before?: Session,
  ): Promise<Session> {
    const { keys, server } = await this.provider.metadata()
    const expected = { nonce, subject: before?.sub, accessToken: tokens.access_token }
    const payload = await verifyIdToken(tokens.id_token!, expected, { ...this.#parts, settings: this.settings, keys })
    const canLogOut = this.provider.endpoint(server, 'end_session_endpoint') !== undefined
    return {
      v: 1,
      sub: payload.sub!,
      nonce,
      claims: Object.fromEntries(
        names.filter((name) => Object.hasOwn(payload, name)).map((name) => [name, payload[name]]),
      ),
      names,
      until: before?.until ?? this.#parts.clock.now() + this.settings.sessionMs,
      ...this.#renewalOf(tokens, before),
      ...(canLogOut ? { idToken: tokens.id_token! } : {}),
    }
  }

  #renewalOf(tokens: TokenEndpointResponse, before: Session | undefined): Partial<Session> {
    const refreshToken = tokens.refresh_token ?? before?.refreshToken
    if (refreshToken === undefined) return {}
    const seconds = Math.max(FRESH_SECONDS_MIN, tokens.expires_in ?? FRESH_SECONDS)
    return { refreshToken, freshUntil: this.#parts.clock.now() + seconds * 1000 }
  }

  /** Cookies of logins that are late, and of the oldest where there are too many. */
  #givenUp({ headers }: AuthRequest): string[] {
    const now = this.#parts.clock.now()
    const known = [...cookiesOf(headers)]
      .filter(([name]) => name.startsWith(`${this.sessions.cookie}-`))
      .map(([name, sealed]) => ({ name, until: (this.#seal.open(sealed) as Attempt | undefined)?.until ?? 0 }))
      .sort((a, b) => b.until - a.until)
    return known.filter(({ until }, i) => until <= now || i >= LOGINS_MAX - 1).map(({ name }) => noCookie(name))
  }
}

export function redirect(url: string, cookies: readonly string[]): AuthReply {
  const set = cookies.flatMap((one) => ['set-cookie', one])
  return { status: 303, headers: ['location', url, 'cache-control', 'no-store', ...set], body: '' }
}
