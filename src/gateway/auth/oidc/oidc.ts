/** Lets in browsers in which somebody has signed in, and sends those who look at a page to where they can. */
import { asSkeinError, SkeinError } from '../../../core/errors.ts'
import type { FieldEdits } from '../../field-edits.ts'
import { claimNames, type OidcConfig } from '../../rule/oidc.ts'
import { checkClaims, forwardClaims } from '../claims.ts'
import type { Authenticator, AuthReply, AuthRequest, Decision } from '../contract.ts'
import type { Login } from './login.ts'
import { logout } from './logout.ts'
import { failurePage } from './pages.ts'
import { isNavigation } from './places.ts'
import type { Sitting } from './sitting.ts'

/** A login, and the claims that the routes which have it look at: a session holds them all. */
export interface SharedLogin {
  readonly sitting: Sitting
  readonly names: readonly string[]
}

export class Oidc implements Authenticator {
  readonly scheme = 'Bearer'
  readonly ownFields: readonly string[]
  readonly #config: OidcConfig
  readonly #login: Login
  readonly #sitting: Sitting
  /** Claims that this route looks at, and those that all routes with this login do. */
  readonly #names: readonly string[]
  readonly #allNames: readonly string[]
  readonly #optional: boolean
  /** What is answered on the paths of the login itself. */
  readonly #paths: Readonly<Record<string, (request: AuthRequest) => AuthReply | Promise<AuthReply>>>

  constructor(config: OidcConfig, { sitting, names }: SharedLogin, optional: boolean) {
    const { login } = sitting
    this.#config = config
    this.#sitting = sitting
    this.#login = login
    this.#optional = optional
    this.#names = claimNames(config)
    this.#allNames = names
    this.ownFields = Object.values(config.forward ?? {}).map((name) => name.toLowerCase())
    const { at } = login.settings
    this.#paths = {
      [`${at}/callback`]: (request) => login.finish(request, names),
      [`${at}/login`]: (request) => login.start(request, new URLSearchParams(request.query).get('to') ?? '/'),
      [`${at}/logout`]: (request) => logout(request, login),
    }
  }

  async decide(request: AuthRequest, edits: FieldEdits): Promise<Decision | undefined> {
    const page = Object.hasOwn(this.#paths, request.path) ? this.#paths[request.path] : undefined
    if (page !== undefined) return this.#answered(request, page)
    const session = await this.#sitting.of(request, this.#allNames)
    if (session === undefined || this.#names.some((name) => !session.names.includes(name))) {
      return this.#unknown(request)
    }
    checkClaims(this.#config, session.claims)
    forwardClaims(this.#config, session.claims, edits)
    const { issuer } = this.#login.settings
    return { identity: { subject: `oidc:${issuer}|${session.sub}`, name: session.sub, issuer } }
  }

  #unknown(request: AuthRequest): Promise<Decision> | undefined {
    if (this.#optional || !isNavigation(request)) return undefined
    return this.#answered(request, () => this.#login.start(request, request.target))
  }

  /** A person is looking: what goes wrong is a page, too. */
  async #answered(request: AuthRequest, answer: (request: AuthRequest) => AuthReply | Promise<AuthReply>) {
    try {
      // A form that is sent off comes here only to sign out.
      if (request.method !== 'GET' && !(request.method === 'POST' && request.path.endsWith('/logout'))) {
        throw new SkeinError('METHOD_NOT_ALLOWED', 'this page is only looked at', { reason: 'oidc_method' })
      }
      return { reply: await answer(request) }
    } catch (thrown) {
      const error = asSkeinError(thrown)
      // A mistake of ours is no page, but a line with its stack.
      if (error.code === 'INTERNAL') throw thrown
      this.#login.noteFailure(error)
      // What could not be asked may be asked again with the same answer of the provider's; all else begins anew.
      const left = error.code === 'UNREACHABLE' ? [] : this.#login.forgetAttempt(request)
      return { reply: failurePage(error, this.#again(request), left), error }
    }
  }

  #again({ path, target }: AuthRequest): string {
    const { at } = this.#login.settings
    return Object.hasOwn(this.#paths, path) ? `${at}/login` : `${at}/login?to=${encodeURIComponent(target)}`
  }
}
