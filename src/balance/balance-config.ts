/** How a user writes in a config who gets the next request. */
import type { Random } from '../core/random.ts'
import type { Endpoint, HashKeySource, PolicyName } from './contract.ts'
import type { ScopeOptions } from './scope-options.ts'

/**
 * A policy of the user's own: chooses one of those that may be chosen (never an empty list). undefined = none of these: then
 * those come back in that are left out otherwise. No counting: `endpoint.load` is counted by the caller.
 */
export type OwnPolicy = (
  endpoints: readonly Endpoint[],
  request: { readonly hashKey: string | undefined; readonly random: Random },
) => Endpoint | undefined

export type HashTableName = 'ring' | 'envoy-ring' | 'maglev' | 'rendezvous'
type PlainPolicy = Exclude<PolicyName, 'sticky' | 'ring-hash' | 'envoy-ring-hash' | 'maglev' | 'rendezvous'>

/**
 * How a user writes it in a config: a name, a function, or an object, which may have scopes beside the policy.
 * `{ policy: 'hash', on: 'ip' }` is ring hash; `using` picks another table. `load` is what P2C and least-request compare:
 * 'peak-ewma' (default for p2c), 'in-flight', or 'utilisation' (what instances report of themselves).
 */
export type BalanceConfig = PlainPolicy | OwnPolicy | (ScopeOptions & (PlainBalance | HashBalance | StickyBalance))

interface PlainBalance {
  /** Default p2c. */
  readonly policy?: PlainPolicy | OwnPolicy
  readonly load?: 'peak-ewma' | 'in-flight' | 'utilisation'
}

interface HashBalance {
  readonly policy: 'hash'
  readonly on: HashKeySource
  readonly using?: HashTableName
  readonly boundedLoad?: number
  readonly ringSize?: number
}

/** Sessions by a signed cookie; only at a gateway, as nobody else has cookies. */
export interface StickyBalance {
  readonly policy: 'sticky'
  /** What signs the cookie; the second, if any, is the one from before: read but not written. At least 16 bytes each. */
  readonly keys: readonly SecretPlace[]
  /** Who chooses for a new session, and for one whose instance has gone. Default p2c. */
  readonly inner?: PlainPolicy | OwnPolicy | undefined
  readonly load?: PlainBalance['load']
  /** Default: a name made of the service's. */
  readonly cookie?: string | undefined
  /** How long the session lasts after its last use, s. Default: as long as the browser runs. */
  readonly ttlS?: number | undefined
  /** Default Lax; None asks for `secure`. */
  readonly sameSite?: 'Strict' | 'Lax' | 'None' | undefined
  /** Default: where the client came by TLS. */
  readonly secure?: boolean | undefined
  /** Kept from scripts in the page. Default true. */
  readonly httpOnly?: boolean | undefined
}

/** An environment variable of the gateway, or a file that it may read. */
type SecretPlace = { readonly env: string } | { readonly file: string }
