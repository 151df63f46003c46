import type { AuthConfig } from '../rule/auth.ts'
import { ApiKeys } from './api-keys.ts'
import type { Authenticator, AuthParts } from './contract.ts'
import { ForwardAuth } from './forward-auth.ts'
import { Tokens } from './tokens.ts'

/** A route's rule of who may use it, ready for use. */
export interface Auth {
  /** Asked in order; the first that recognises something decides. */
  readonly authenticators: readonly Authenticator[]
  readonly optional: boolean
  /** The rule's text: the same after a reload that did not change it, and then its keys need not be fetched again. */
  readonly id: string
}

export function prepareAuth(
  config: AuthConfig | false | undefined,
  before: Auth | undefined,
  parts: AuthParts,
): Auth | undefined {
  if (!config) return undefined
  const id = JSON.stringify(config)
  if (before?.id === id) return before
  const { apiKeys, jwt, forwardAuth, optional = false } = config
  const authenticators = [
    ...(apiKeys === undefined ? [] : [new ApiKeys(apiKeys)]),
    ...(jwt === undefined ? [] : [new Tokens([jwt].flat(), parts)]),
    // Last: what is decided without a call need not be asked.
    ...(forwardAuth === undefined ? [] : [new ForwardAuth(forwardAuth, parts)]),
  ]
  return { authenticators, optional, id }
}
