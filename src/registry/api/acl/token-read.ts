/** GET /v1/acl/tokens, /v1/acl/token/… */
import type { TokenRecord } from '../../state/records.ts'
import { Refusal } from '../../state/refusal.ts'
import { RESOURCE } from '../../state/resources.ts'
import { type Answer, type ApiRequest, json, type Registry } from '../endpoint.ts'
import { checkCommon, indexHeaders, type Read, read } from '../read.ts'
import { aboutAcl, aboutOne } from './about.ts'
import { refuse } from './decode.ts'
import { showPolicy, showRole, showToken } from './show.ts'

export const listTokens = read(({ query }, { store: { state }, access }): Read => {
  const role = query.get('role') || undefined
  const policy = query.get('policy') || undefined
  const service = query.get('servicename') || undefined
  const isWanted = (token: TokenRecord) =>
    !access.isExpired(token) &&
    (policy === undefined || token.Policies.includes(policy)) &&
    (role === undefined || token.Roles.includes(role)) &&
    (service === undefined || token.ServiceIdentities.some(({ ServiceName }) => ServiceName === service))
  return aboutAcl(state, () => {
    const found = [...state.acl.tokens.values()].filter(isWanted)
    return found.sort((a, b) => a.CreateIndex - b.CreateIndex).map((one) => showToken(state, one))
  })
})

export const readToken = read(({ name, query }, { store: { state }, access, node }): Read => {
  if (name === '') refuse('Missing token AccessorID', 400)
  const find = () => {
    const token = state.acl.tokens.get(name)
    return token === undefined || access.isExpired(token) ? undefined : token
  }
  const expand = (token: TokenRecord) => ({
    ...showToken(state, token),
    ExpandedPolicies: records(token.Policies, state.acl.policies).map(showPolicy),
    ExpandedRoles: records(token.Roles, state.acl.roles).map((role) => showRole(state, role)),
    NamespaceDefaultPolicyIDs: null,
    NamespaceDefaultRoleIDs: null,
    AgentACLDefaultPolicy: access.defaultPolicy,
    AgentACLDownPolicy: 'extend-cache',
    ResolvedByAgent: node,
  })
  const show = (token: TokenRecord) => (query.has('expanded') ? expand(token) : showToken(state, token))
  return aboutOne(state, 'token', find, show)
})

function records<R>(ids: readonly string[], all: ReadonlyMap<string, R>): R[] {
  return ids.map((id) => all.get(id)).filter((record) => record !== undefined)
}

/** Whoever has the secret may read what it stands for. */
export function self(request: ApiRequest, registry: Registry): Answer {
  checkCommon(request, registry)
  const { store, access } = registry
  const token = access.tokenOf(request.token)
  if (token === undefined) throw new Refusal(404, 'Supplied token does not exist')
  const index = Math.max(1, store.state.indexOf(RESOURCE.acl))
  return json(showToken(store.state, token, request.token), 200, indexHeaders(index))
}
