/** Tokens, policies and roles as clients read them, in Consul's order of fields. */
import { hash } from 'node:crypto'
import { ANONYMOUS_ID, ANONYMOUS_SECRET, HIDDEN } from '../../acl/contract.ts'
import type { Grants } from '../../state/acl-records.ts'
import type { PolicyRecord, RoleRecord, TokenRecord } from '../../state/records.ts'
import type { State } from '../../state/state.ts'

/** @param secret what the caller knows anyway: it was made just now, or came with the request. */
export function showToken(state: State, token: TokenRecord, secret?: string) {
  const { AccessorID, Description, Roles, Local, CreateTime, ExpirationTime, CreateIndex, ModifyIndex } = token
  const { Policies, ...identities } = showGrants(state, token)
  return {
    AccessorID,
    SecretID: AccessorID === ANONYMOUS_ID ? ANONYMOUS_SECRET : (secret ?? HIDDEN),
    Description,
    Policies,
    Roles: links(Roles, state.acl.roles),
    ...identities,
    Local,
    ...(ExpirationTime === undefined ? {} : { ExpirationTime }),
    CreateTime,
    Hash: hashOf([Description, token.Policies, Roles, token.ServiceIdentities, token.NodeIdentities, Local]),
    CreateIndex,
    ModifyIndex,
  }
}

export function showPolicy({ ID, Name, Description, Rules, Datacenters, CreateIndex, ModifyIndex }: PolicyRecord) {
  const Hash = hashOf([Name, Description, Rules, Datacenters])
  return { ID, Name, Description, Rules, ...(Datacenters && { Datacenters }), Hash, CreateIndex, ModifyIndex }
}

/** As in lists. */
export function showPolicyStub(policy: PolicyRecord) {
  const { Rules: _rules, ...stub } = showPolicy(policy)
  return { ...stub, Datacenters: policy.Datacenters ?? null }
}

export function showRole(state: State, role: RoleRecord) {
  const { ID, Name, Description, CreateIndex, ModifyIndex } = role
  const Hash = hashOf([Name, Description, role.Policies, role.ServiceIdentities, role.NodeIdentities])
  return { ID, Name, Description, ...showGrants(state, role), Hash, CreateIndex, ModifyIndex }
}

function showGrants(state: State, { Policies, ServiceIdentities, NodeIdentities }: Grants) {
  return {
    Policies: links(Policies, state.acl.policies),
    ServiceIdentities: orNothing(ServiceIdentities),
    NodeIdentities: orNothing(NodeIdentities),
  }
}

/** By today's name; those whose target is gone are left out. */
function links(ids: readonly string[], records: ReadonlyMap<string, { readonly ID: string; readonly Name: string }>) {
  const found = ids.map((id) => records.get(id)).filter((record) => record !== undefined)
  return orNothing(found.map(({ ID, Name }) => ({ ID, Name })))
}

const orNothing = <T>(items: readonly T[]) => (items.length === 0 ? undefined : items)

/** Of the content, so that two copies can be compared; clients only compare it. */
function hashOf(content: unknown): string {
  return hash('sha256', JSON.stringify(content), 'base64')
}
