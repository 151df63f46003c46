import type { HashKeySource } from '../../balance/contract.ts'
import type { AuthConfig } from '../rule/auth.ts'
import { loginId } from '../rule/oidc.ts'
import { ApiKeys, DEFAULT_PLACE } from './api-keys.ts'
import type { Authenticator, AuthParts } from './contract.ts'
import { ForwardAuth } from './forward-auth.ts'
import type { Logins } from './oidc/logins.ts'
import { Oidc, type SharedLogin } from './oidc/oidc.ts'
import { Tokens } from './tokens.ts'

/** A route's rule of who may use it, ready for use. */
export interface Auth {
  /** Asked in order; the first that recognises something decides. */
  readonly authenticators: readonly Authenticator[]
  readonly optional: boolean
  /** Where API keys stand, which have done their work here; undefined without any. */
  readonly keyPlace: HashKeySource | undefined
  /** The rule's text: the same after a reload that did not change it, and then its keys need not be fetched again. */
  readonly id: string
}

/** What rules are made of. */
export interface RuleParts extends AuthParts {
  readonly logins: Logins
  /** Those made so far and before, by their text: keys are fetched and tokens judged once for all routes that say the same. */
  readonly auths: Map<string, Auth>
}

export function prepareAuth(
  config: AuthConfig | false | undefined,
  before: Auth | undefined,
  parts: RuleParts,
): Auth | undefined {
  if (!config) return undefined
  const { apiKeys, oidc, forwardAuth, optional = false } = config
  const keyPlace = apiKeys && (apiKeys.in ?? DEFAULT_PLACE)
  const login = oidc && parts.logins.get(loginId(oidc))!
  const id = JSON.stringify([config, login?.sitting.login.settings.id, login?.names])
  // What a service of the user's own says may depend on the route.
  const known = forwardAuth === undefined ? parts.auths.get(id) : before?.id === id ? before : undefined
  const auth = known ?? { authenticators: authenticatorsOf(config, login, parts), optional, keyPlace, id }
  parts.auths.set(id, auth)
  return auth
}

function authenticatorsOf(
  { apiKeys, jwt, oidc, forwardAuth, optional = false }: AuthConfig,
  login: SharedLogin | undefined,
  parts: RuleParts,
): Authenticator[] {
  return [
    ...(apiKeys === undefined ? [] : [new ApiKeys(apiKeys)]),
    ...(jwt === undefined ? [] : [new Tokens([jwt].flat(), parts)]),
    // Below what programs show: a browser that shows nothing of it is sent away from here.
    ...(oidc === undefined ? [] : [new Oidc(oidc, login!, optional)]),
    // Last: what is decided without a call need not be asked.
    ...(forwardAuth === undefined ? [] : [new ForwardAuth(forwardAuth, parts)]),
  ]
}
