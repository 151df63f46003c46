/**
 * Who may do what. Rules come from policies (`hcl.ts`, `rules.ts`), are merged for a token (`rule-set.ts`) and asked by the
 * API (`rights.ts`). All of that is pure; `access-control.ts` finds the rights of a secret in the state.
 */

export type Access = 'deny' | 'read' | 'list' | 'write'

/** Resources whose rules name what they are for, exactly or by prefix. */
export const NAMED = ['agent', 'event', 'identity', 'key', 'node', 'query', 'service', 'session'] as const
/** Resources of which there is one. */
export const SINGLE = ['acl', 'keyring', 'mesh', 'operator', 'peering'] as const

export type NamedResource = (typeof NAMED)[number]
export type SingleResource = (typeof SINGLE)[number]
export type Resource = NamedResource | SingleResource

/** One line of a policy. */
export interface Rule {
  readonly resource: Resource
  /** What it is for; '' and not a prefix for what there is one of. */
  readonly name: string
  readonly isPrefix: boolean
  readonly access: Access
}

/** Whose rights they are, for texts and the history. */
export interface Identity {
  readonly accessor: string
  /** Its description; may be empty. */
  readonly name: string
}

/** What a caller may do. `access` is 'read', 'list' or 'write'. */
export interface Rights {
  readonly identity: Identity
  /** Equal for rights that see the same; '' = those that see everything. Part of the key of cached answers. */
  readonly key: string
  /** The index at which these rights came to be: what is read with them is no older. */
  readonly index: number
  allows(resource: Resource, access: Access, name?: string): boolean
  /** True when every key under the prefix may be written. */
  allowsTree(prefix: string): boolean
  /** @throws Refusal 403 with Consul's text. */
  require(resource: Resource, access: Access, name?: string): void
  requireTree(prefix: string): void
}

export const ANONYMOUS_ID = '00000000-0000-0000-0000-000000000002'
export const ANONYMOUS_SECRET = 'anonymous'
export const MANAGEMENT_ID = '00000000-0000-0000-0000-000000000001'
export const READ_ONLY_ID = '00000000-0000-0000-0000-000000000002'
/** What the owner of a secret that is no token's is told. */
export const UNKNOWN_TOKEN = 'ACL not found'
/** Stands where a secret would. */
export const HIDDEN = '<hidden>'
