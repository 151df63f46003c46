/**
 * Whose rights a secret stands for. Rights are worked out once for each token and kept until a token, policy or role
 * changes; after that a look-up is one hash and one map. Looking up by hash also means that how long it takes says nothing
 * about a secret.
 */
import type { Clock } from '../../core/clock.ts'
import type { Grants, PolicyBody } from '../state/acl-records.ts'
import type { TokenRecord } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import { RESOURCE } from '../state/resources.ts'
import type { State } from '../state/state.ts'
import { nodeRules, serviceRules } from './builtin.ts'
import { ANONYMOUS_SECRET, MANAGEMENT_ID, type Rights, type Rule, UNKNOWN_TOKEN } from './contract.ts'
import { Limited, UNLIMITED } from './rights.ts'
import { RuleSet } from './rule-set.ts'
import { parseRules } from './rules.ts'
import { hashSecret, newToken } from './token.ts'

export interface AclOptions {
  /** What may be done where no rule says anything. Default deny. */
  readonly defaultPolicy?: 'allow' | 'deny' | undefined
  /** A secret that may do everything from the first start on; without it, bootstrap makes one. */
  readonly initialManagement?: string | undefined
  /** A secret that may do everything while this process runs: it is not stored. For whoever runs the registry. */
  readonly ownToken?: string | undefined
  /** For requests that bring no token. Default: the anonymous one's. */
  readonly defaultToken?: string | undefined
  /** For DNS, which cannot bring any. Default: `defaultToken`. */
  readonly dnsToken?: string | undefined
  /** True = `?recurse` and `?keys` want `list` on the prefix. Default false, as in Consul. */
  readonly keyListPolicy?: boolean | undefined
  /** A file that lets bootstrap be done again, when the index that it asks for is in it. */
  readonly resetFile?: string | undefined
}

export interface AccessControl {
  readonly enabled: boolean
  readonly defaultPolicy: 'allow' | 'deny'
  readonly keyListPolicy: boolean
  /** See AclOptions. */
  readonly resetFile?: string | undefined
  /** @throws Refusal 403 for a secret that is no token's. */
  rightsOf(secret: string | undefined): Rights
  /** Those of the token with this AccessorID. @throws Refusal 403 when there is none. */
  rightsOfAccessor(accessor: string): Rights
  /** Those of DNS, or of the token with this AccessorID; of the anonymous one where that is not there. */
  rightsOfDns(accessor?: string): Rights
  /** The token itself. Undefined = there is none, or no longer. */
  tokenOf(secret: string | undefined): TokenRecord | undefined
  isExpired(token: TokenRecord): boolean
  /** Another token for requests, or for DNS, that bring none; '' = the anonymous one's. Until the process ends. */
  use(kind: 'default' | 'dns', secret: string): void
}

/** Where nobody asks. */
export const OPEN_ACCESS: AccessControl = {
  enabled: false,
  defaultPolicy: 'allow',
  keyListPolicy: false,
  rightsOf: () => UNLIMITED,
  rightsOfAccessor: () => UNLIMITED,
  rightsOfDns: () => UNLIMITED,
  tokenOf: () => undefined,
  isExpired: () => false,
  use() {},
}

interface Known {
  readonly rights: Limited
  readonly expiresAt: number
}

export class ClosedAccess implements AccessControl {
  readonly enabled = true
  readonly defaultPolicy: 'allow' | 'deny'
  readonly keyListPolicy: boolean
  readonly resetFile: string | undefined
  readonly #state: State
  readonly #clock: Clock
  readonly #datacenter: string
  #default: string
  /** '' = that of requests. */
  #dns: string
  readonly #own: TokenRecord | undefined
  /** Hash of the secret → rights, as of `#version`. */
  #known = new Map<string, Known>()
  /** Those of the version before, to tell whose rights changed. */
  #before: ReadonlyMap<string, Known> = new Map()
  #version = ''
  readonly #rules = new WeakMap<PolicyBody, readonly Rule[]>()

  constructor(state: State, clock: Clock, datacenter: string, options: AclOptions) {
    this.#state = state
    this.#clock = clock
    this.#datacenter = datacenter
    this.defaultPolicy = options.defaultPolicy ?? 'deny'
    this.keyListPolicy = options.keyListPolicy ?? false
    this.resetFile = options.resetFile
    this.#default = options.defaultToken || ANONYMOUS_SECRET
    this.#dns = options.dnsToken ?? ''
    this.#own = options.ownToken ? ownRecord(options.ownToken, clock.now()) : undefined
  }

  rightsOf(secret: string | undefined): Rights {
    return this.#rightsOf(hashSecret(secret || this.#default))
  }

  rightsOfAccessor(accessor: string): Rights {
    return this.#rightsOf(this.#state.acl.tokens.get(accessor)?.secretHash ?? '')
  }

  #rightsOf(digest: string): Rights {
    this.#keepUp()
    const known = this.#known.get(digest) ?? this.#workOut(digest)
    if (known === undefined || known.expiresAt <= this.#clock.now()) throw new Refusal(403, UNKNOWN_TOKEN)
    return known.rights
  }

  /** Nobody is there to be told that a token is unknown. */
  rightsOfDns(accessor?: string): Rights {
    const token =
      accessor === undefined ? this.tokenOf(this.#dns || this.#default) : this.#state.acl.tokens.get(accessor)
    const isGood = token !== undefined && !this.isExpired(token)
    return isGood ? this.#rightsOf(token.secretHash) : this.rightsOf(ANONYMOUS_SECRET)
  }

  tokenOf(secret: string | undefined): TokenRecord | undefined {
    const token = this.#find(hashSecret(secret || this.#default))
    return token === undefined || this.isExpired(token) ? undefined : token
  }

  isExpired(token: TokenRecord): boolean {
    return expiryOf(token) <= this.#clock.now()
  }

  use(kind: 'default' | 'dns', secret: string): void {
    if (kind === 'dns') this.#dns = secret
    else this.#default = secret || ANONYMOUS_SECRET
  }

  #find(digest: string): TokenRecord | undefined {
    if (digest === this.#own?.secretHash) return this.#own
    const { acl } = this.#state
    return acl.tokens.get(acl.secrets.get(digest) ?? '')
  }

  #keepUp(): void {
    const version = `${this.#state.generation}/${this.#state.indexOf(RESOURCE.acl)}`
    if (version === this.#version) return
    this.#version = version
    this.#before = this.#known
    this.#known = new Map()
  }

  #workOut(digest: string): Known | undefined {
    const token = this.#find(digest)
    if (token === undefined) return undefined
    const identity = { accessor: token.AccessorID, name: token.Description }
    const open = this.defaultPolicy === 'allow'
    const make = (index: number) => new Limited(identity, new RuleSet(this.#rulesOf(token)), open, index)
    const rights = make(this.#state.indexOf(RESOURCE.acl))
    // The same rights as before are no news to whoever waits with them.
    const before = this.#before.get(digest)?.rights
    const known = { rights: before?.key === rights.key ? make(before.index) : rights, expiresAt: expiryOf(token) }
    this.#known.set(digest, known)
    return known
  }

  #rulesOf({ Roles, ...own }: TokenRecord): Rule[] {
    const roles = Roles.map((id) => this.#state.acl.roles.get(id)).filter((role) => role !== undefined)
    return [own, ...roles].flatMap((grants) => this.#granted(grants))
  }

  #granted({ Policies, ServiceIdentities, NodeIdentities }: Grants): Rule[] {
    const isHere = ({ Datacenters = [] }: { readonly Datacenters?: readonly string[] }) =>
      Datacenters.length === 0 || Datacenters.includes(this.#datacenter)
    const policies = Policies.map((id) => this.#state.acl.policies.get(id)).filter((policy) => policy !== undefined)
    return [
      ...policies.filter(isHere).flatMap((policy) => this.#parsed(policy)),
      ...ServiceIdentities.filter(isHere).flatMap(serviceRules),
      ...NodeIdentities.filter(({ Datacenter }) => Datacenter === this.#datacenter).flatMap(nodeRules),
    ]
  }

  #parsed(policy: PolicyBody): readonly Rule[] {
    const known = this.#rules.get(policy) ?? parseRules(policy.Rules)
    this.#rules.set(policy, known)
    return known
  }
}

/** Its AccessorID tells nothing about the secret that a hash of it would not. */
function ownRecord(secret: string, now: number): TokenRecord {
  const id = hashSecret(hashSecret(secret))
  const parts = [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20, 32)]
  const token = newToken(parts.join('-'), secret, new Date(now).toISOString())
  return {
    ...{ ...token, Description: "The registry's own token", Policies: [MANAGEMENT_ID] },
    ...{ CreateIndex: 0, ModifyIndex: 0 },
  }
}

function expiryOf({ ExpirationTime }: TokenRecord): number {
  return ExpirationTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(ExpirationTime)
}
