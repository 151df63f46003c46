import type { AclAction } from './acl-commands.ts'
import type { PolicyBody, RoleBody, TokenBody } from './acl-records.ts'
import type { Decision } from './commands.ts'
import type { Change } from './records.ts'
import { Refusal } from './refusal.ts'
import type { State } from './state.ts'

const BOOTSTRAP = 'bootstrap'

/** Texts are Consul's. */
export function decideAcl(state: State, action: AclAction): Decision {
  return { changes: changesOf(state, action), done: true }
}

function changesOf(state: State, action: AclAction): readonly Change[] {
  switch (action.kind) {
    case 'token-set':
      return setToken(state, action.token, action.isNew)
    case 'token-delete':
      return state.acl.tokens.has(action.accessor) ? [{ kind: 'acl-token', key: action.accessor, body: null }] : []
    case 'policy-set':
      return setPolicy(state, action.policy, action.isNew)
    case 'policy-delete':
      return state.acl.policies.has(action.id) ? [{ kind: 'acl-policy', key: action.id, body: null }] : []
    case 'role-set':
      return setRole(state, action.role, action.isNew)
    case 'role-delete':
      return state.acl.roles.has(action.id) ? [{ kind: 'acl-role', key: action.id, body: null }] : []
    case 'bootstrap':
      return bootstrap(state, action.token, action.resetIndex)
    case 'init':
      return init(state, action)
  }
}

function setToken({ acl }: State, token: TokenBody, isNew: boolean): Change[] {
  const { AccessorID } = token
  if (isNew && acl.tokens.has(AccessorID)) refuse('Invalid Token: AccessorID is already in use')
  if (isNew && acl.secrets.has(token.secretHash)) refuse('Invalid Token: SecretID is already in use')
  if (!isNew && !acl.tokens.has(AccessorID)) refuse(`Cannot find token ${JSON.stringify(AccessorID)}`)
  return [{ kind: 'acl-token', key: AccessorID, body: token }]
}

function setPolicy({ acl }: State, policy: PolicyBody, isNew: boolean): Change[] {
  if (!isNew && !acl.policies.has(policy.ID)) refuse(`cannot find policy ${policy.ID}`)
  refuseName('Policy', policy, acl.policyNamed(policy.Name), isNew)
  return [{ kind: 'acl-policy', key: policy.ID, body: policy }]
}

function setRole({ acl }: State, role: RoleBody, isNew: boolean): Change[] {
  if (!isNew && !acl.roles.has(role.ID)) refuse(`cannot find role ${role.ID}`)
  refuseName('Role', role, acl.roleNamed(role.Name), isNew)
  return [{ kind: 'acl-role', key: role.ID, body: role }]
}

/** Where another has it. */
function refuseName(
  kind: 'Policy' | 'Role',
  { ID, Name }: PolicyBody | RoleBody,
  named: { readonly ID: string } | undefined,
  isNew: boolean,
): void {
  const name = JSON.stringify(Name)
  if (isNew && named !== undefined) refuse(`Invalid ${kind}: A ${kind} with Name ${name} already exists`)
  if (named !== undefined && named.ID !== ID) {
    refuse(`Invalid ${kind}: A ${kind.toLowerCase()} with name ${name} already exists`)
  }
}

function bootstrap(state: State, token: TokenBody, resetIndex: number | undefined): Change[] {
  const done = state.acl.bootstraps.get(BOOTSTRAP)
  if (done !== undefined && done.ModifyIndex !== resetIndex)
    throw new Refusal(403, notAgain(done.ModifyIndex, resetIndex))
  return [...setToken(state, token, true), bootstrapped(token)]
}

function notAgain(index: number, given: number | undefined): string {
  if (given === undefined) return `Permission denied: ACL bootstrap no longer allowed (reset index: ${index})`
  return `Permission denied: Invalid bootstrap reset index (specified ${given}, reset index: ${index})`
}

function init({ acl }: State, { policies, tokens, management }: Extract<AclAction, { kind: 'init' }>): Change[] {
  // A policy's rules may have grown with a new version of Skein.
  const changed = policies.filter((policy) => acl.policies.get(policy.ID)?.Rules !== policy.Rules)
  const wanted = management === undefined ? tokens : [...tokens, management]
  const missing = wanted.filter((token) => !acl.tokens.has(token.AccessorID) && !acl.secrets.has(token.secretHash))
  const isFirst = management !== undefined && !acl.bootstraps.has(BOOTSTRAP)
  return [
    ...changed.map((policy): Change => ({ kind: 'acl-policy', key: policy.ID, body: policy })),
    ...missing.map((token): Change => ({ kind: 'acl-token', key: token.AccessorID, body: token })),
    ...(isFirst ? [bootstrapped(management)] : []),
  ]
}

const bootstrapped = ({ AccessorID }: TokenBody): Change => ({
  ...{ kind: 'acl-bootstrap', key: BOOTSTRAP, body: { AccessorID } },
})

function refuse(text: string): never {
  throw new Refusal(500, text)
}
