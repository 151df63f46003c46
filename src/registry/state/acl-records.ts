/** Who may do what, as it is stored. Links are IDs, so that a policy or role can be renamed. */

export interface ServiceIdentity {
  readonly ServiceName: string
  readonly Datacenters?: readonly string[]
}

export interface NodeIdentity {
  readonly NodeName: string
  readonly Datacenter: string
}

/** What tokens and roles have in common. */
export interface Grants {
  /** IDs. One that is gone grants nothing. */
  readonly Policies: readonly string[]
  readonly ServiceIdentities: readonly ServiceIdentity[]
  readonly NodeIdentities: readonly NodeIdentity[]
}

export interface TokenBody extends Grants {
  readonly AccessorID: string
  /**
   * SHA-256 of the SecretID in hexadecimal; the secret itself is kept nowhere, so neither a copy of the store nor an answer
   * of the API hands out tokens. A plain hash is enough because secrets are UUIDs: there is nothing to guess. The price is
   * that a secret is shown once, when it is made, where Consul shows it to whoever may write ACLs.
   */
  readonly secretHash: string
  readonly Description: string
  /** IDs. */
  readonly Roles: readonly string[]
  readonly Local: boolean
  /** RFC 3339. */
  readonly CreateTime: string
  readonly ExpirationTime?: string
}

export interface PolicyBody {
  readonly ID: string
  readonly Name: string
  readonly Description: string
  /** As they were written, HCL or JSON; they have been parsed once. */
  readonly Rules: string
  readonly Datacenters?: readonly string[]
}

export interface RoleBody extends Grants {
  readonly ID: string
  readonly Name: string
  readonly Description: string
}

/** Its ModifyIndex is the reset index of bootstrap. */
export interface BootstrapBody {
  readonly AccessorID: string
}
