/** Tokens, policies and roles as /v1/acl gives them. */
export interface Link {
  readonly ID?: string
  readonly Name?: string
}

export interface Grants {
  readonly Policies?: readonly Link[]
  readonly ServiceIdentities?: readonly { readonly ServiceName: string; readonly Datacenters?: readonly string[] }[]
  readonly NodeIdentities?: readonly { readonly NodeName: string; readonly Datacenter: string }[]
}

export interface Common {
  readonly Description: string
  readonly Hash: string
  readonly CreateIndex: number
  readonly ModifyIndex: number
}

export interface Token extends Grants, Common {
  readonly AccessorID: string
  readonly SecretID: string
  readonly Roles?: readonly Link[]
  readonly Local: boolean
  readonly ExpirationTime?: string
  readonly CreateTime: string
}

export interface Policy extends Common {
  readonly ID: string
  readonly Name: string
  readonly Rules?: string
  readonly Datacenters?: readonly string[] | null
}

export interface Role extends Grants, Common {
  readonly ID: string
  readonly Name: string
}
