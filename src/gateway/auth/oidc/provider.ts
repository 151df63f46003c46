/**
 * The provider as it is spoken to: its metadata, a code for tokens, a refresh token for new ones. oauth4webapi writes the
 * requests and reads the answers; time-outs, sizes and what becomes of a provider that is away are ours.
 */
import type { AuthorizationServer, ClientAuth, TokenEndpointResponse } from 'oauth4webapi'
import { systemClock } from '../../../core/clock.ts'
import { SkeinError } from '../../../core/errors.ts'
import { isSafeUrl } from '../../rule/jwt-words.ts'
import { boundedFetch } from '../bounded-fetch.ts'
import type { AuthParts } from '../contract.ts'
import { KeySet } from '../key-set.ts'
import type { OidcSettings } from './settings.ts'

/** Older metadata are read again in the background. */
const FRESH_MS = 3_600_000
/** A provider that failed is left alone for so long: whoever comes meanwhile hears at once that it is away. */
const COOLDOWN_MS = 5_000
const BYTES_MAX = 256 * 1024

type Library = typeof import('oauth4webapi')

/** The provider, and where its keys are. */
export interface Metadata {
  readonly server: AuthorizationServer
  readonly keys: KeySet
}

export class Provider {
  readonly #settings: OidcSettings
  readonly #parts: Pick<AuthParts, 'clock' | 'log'>
  #metadata: Metadata | undefined
  #readAt = Number.NEGATIVE_INFINITY
  #failedAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(settings: OidcSettings, parts: Pick<AuthParts, 'clock' | 'log'>) {
    this.#settings = settings
    this.#parts = parts
  }

  /** @throws SkeinError UNREACHABLE while it is away and nothing is known of it. */
  async metadata(): Promise<Metadata> {
    if (this.#metadata === undefined) await this.#read()
    else if (this.#age(this.#readAt) > FRESH_MS) void this.#read()
    if (this.#metadata === undefined) throw away()
    return this.#metadata
  }

  /** An endpoint's URL, where there is one that may be used. */
  endpoint(server: AuthorizationServer, name: 'authorization_endpoint' | 'end_session_endpoint'): URL | undefined {
    const url = server[name]
    return typeof url === 'string' && this.#isAllowed(url) ? new URL(url) : undefined
  }

  /** What the provider gives for the code of `answer`, the callback's parameters. @throws SkeinError */
  async redeem(
    answer: URLSearchParams,
    login: { readonly state: string; readonly nonce: string; readonly verifier: string; readonly redirectUri: string },
  ): Promise<TokenEndpointResponse> {
    const oauth = await import('oauth4webapi')
    const { server } = await this.metadata()
    const { state, nonce, verifier, redirectUri } = login
    const client = this.#client(oauth)
    return this.#asked(oauth, async () => {
      const checked = oauth.validateAuthResponse(server, client, answer, state)
      const [auth, options] = [this.#proof(oauth, server), this.#options(oauth)]
      const grant = oauth.authorizationCodeGrantRequest
      const response = reached(await grant(server, client, auth, checked, redirectUri, verifier, options))
      return oauth.processAuthorizationCodeResponse(server, client, response, {
        expectedNonce: nonce,
        requireIdToken: true,
      })
    })
  }

  /** @throws SkeinError UNAUTHENTICATED when the provider says no, UNREACHABLE when it cannot be asked. */
  async refresh(refreshToken: string): Promise<TokenEndpointResponse> {
    const oauth = await import('oauth4webapi')
    const { server } = await this.metadata()
    const client = this.#client(oauth)
    return this.#asked(oauth, async () => {
      const [auth, options] = [this.#proof(oauth, server), this.#options(oauth)]
      const request = oauth.refreshTokenGrantRequest(server, client, auth, refreshToken, options)
      return oauth.processRefreshTokenResponse(server, client, reached(await request))
    })
  }

  /** So that a copy of the session ends when it is next renewed (RFC 7009). Never rejects: whoever signs out need not wait for it. */
  async revoke(refreshToken: string): Promise<void> {
    const { issuer } = this.#settings
    try {
      const oauth = await import('oauth4webapi')
      const { server } = await this.metadata()
      if (server.revocation_endpoint === undefined) return
      const [client, auth, options] = [this.#client(oauth), this.#proof(oauth, server), this.#options(oauth)]
      await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, auth, refreshToken, options))
    } catch (error) {
      this.#parts.log.warn({ err: plain(error), issuer }, 'a refresh token could not be revoked at the OpenID provider')
    }
  }

  #age(at: number): number {
    return this.#parts.clock.monotonic() - at
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    if (this.#reading === undefined) {
      if (this.#age(this.#failedAt) < COOLDOWN_MS) return
      this.#reading = this.#discover().finally(() => {
        this.#reading = undefined
      })
    }
    await this.#reading
  }

  async #discover(): Promise<void> {
    const { issuer } = this.#settings
    try {
      const oauth = await import('oauth4webapi')
      const url = new URL(issuer)
      const response = await oauth.discoveryRequest(url, this.#options(oauth))
      const server = await oauth.processDiscoveryResponse(url, response)
      this.#take(server)
      this.#readAt = this.#parts.clock.monotonic()
    } catch (error) {
      this.#failedAt = this.#parts.clock.monotonic()
      const words = 'the metadata of an OpenID provider could not be read; those known go on'
      this.#parts.log.warn({ err: plain(error), issuer }, words)
    }
  }

  #take(server: AuthorizationServer): void {
    if (server.issuer !== this.#settings.issuer) throw new Error(`it calls itself ${server.issuer}`)
    if (this.endpoint(server, 'authorization_endpoint') === undefined) throw new Error('it has no page for logins')
    const { jwks_uri: jwks } = server
    if (typeof jwks !== 'string' || !this.#isAllowed(jwks)) throw new Error('it has no keys')
    const isSame = this.#metadata?.server.jwks_uri === jwks
    this.#metadata = { server, keys: isSame ? this.#metadata!.keys : new KeySet(jwks, this.#parts, () => {}) }
  }

  /** A provider on https cannot send us, or people, to a place that is not. */
  #isAllowed(url: string): boolean {
    return isSafeUrl(url) && (url.startsWith('https:') || this.#settings.issuer.startsWith('http:'))
  }

  #client(oauth: Library) {
    const { clock } = this.#parts
    return {
      client_id: this.#settings.clientId,
      [oauth.clockSkew]: Math.round((clock.now() - systemClock.now()) / 1000),
      [oauth.clockTolerance]: this.#settings.clockSkewSeconds,
    }
  }

  /** By Basic, which all must know, unless the provider names only the other. */
  #proof(oauth: Library, { token_endpoint_auth_methods_supported: known }: AuthorizationServer): ClientAuth {
    const { clientSecret } = this.#settings
    if (clientSecret === undefined) return oauth.None()
    const isPost = known !== undefined && !known.includes('client_secret_basic') && known.includes('client_secret_post')
    return isPost ? oauth.ClientSecretPost(clientSecret) : oauth.ClientSecretBasic(clientSecret)
  }

  #options(oauth: Library) {
    const { issuer, timeoutMs } = this.#settings
    const bounds = { clock: this.#parts.clock, ms: timeoutMs, bytes: BYTES_MAX }
    return {
      [oauth.customFetch]: (url: string, init: object) =>
        boundedFetch(url, init, bounds).catch((error: unknown) => {
          throw away(error)
        }),
      [oauth.allowInsecureRequests]: issuer.startsWith('http:'),
    }
  }

  /** What the library throws, in words of ours: its errors carry the whole answer, with codes and tokens. */
  async #asked(oauth: Library, ask: () => Promise<TokenEndpointResponse>): Promise<TokenEndpointResponse> {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof SkeinError) throw error
      const isDenial = error instanceof oauth.AuthorizationResponseError
      const said = isDenial || error instanceof oauth.ResponseBodyError ? wordOf(error.error) : undefined
      const message = said === undefined ? 'the provider’s answer is not right here' : `the provider said "${said}"`
      const reason = said === undefined ? 'oidc_answer' : `oidc_${said}`
      throw new SkeinError(isDenial ? 'FORBIDDEN' : 'UNAUTHENTICATED', message, { reason }, plain(error))
    }
  }
}

function reached(response: Response): Response {
  if (response.status >= 500) throw away(new Error(`status ${response.status}`))
  return response
}

function away(cause?: unknown): SkeinError {
  const message = 'the provider where people sign in cannot be asked now'
  return new SkeinError('UNREACHABLE', message, { reason: 'oidc_provider' }, plain(cause))
}

/** A code of RFC 6749; whatever else stands there is not repeated. */
function wordOf(error: string): string {
  return /^[a-z_]{1,40}$/.test(error) ? error : 'error'
}

function plain(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return new Error(`${error.message}${cause}`)
}
