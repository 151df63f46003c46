/** /v1/acl: tokens, policies and roles. */
import type { Endpoint, Handler } from '../endpoint.ts'
import { json, text } from '../endpoint.ts'
import { agentToken } from './agent-token.ts'
import { bootstrap } from './bootstrap.ts'
import { createPolicy, deletePolicy, listPolicies, namedPolicy, readPolicy, updatePolicy } from './policy.ts'
import { createRole, deleteRole, listRoles, namedRole, readRole, updateRole } from './role.ts'
import { deleteToken } from './token-delete.ts'
import { listTokens, readToken, self } from './token-read.ts'
import { createToken, updateToken } from './token-write.ts'

/** Kinds of identities that are not here, and a second datacenter: as Consul where nobody has set any up. */
const none: Handler = ({ rights }) => {
  rights.require('acl', 'read')
  return json([])
}
const REPLICATION = {
  Enabled: false,
  Running: false,
  SourceDatacenter: '',
  ReplicatedIndex: 0,
  ReplicatedTokenIndex: 0,
}

const PATHS: readonly Endpoint[] = [
  { path: '/v1/acl/bootstrap', PUT: bootstrap },
  { path: '/v1/acl/replication', GET: () => json(REPLICATION) },
  { path: '/v1/acl/tokens', GET: listTokens },
  { path: '/v1/acl/token', PUT: createToken },
  { path: '/v1/acl/token/self', GET: self },
  { path: '/v1/acl/token/', GET: readToken, PUT: updateToken, DELETE: deleteToken },
  { path: '/v1/acl/policies', GET: listPolicies },
  { path: '/v1/acl/policy', PUT: createPolicy },
  { path: '/v1/acl/policy/name/', GET: namedPolicy },
  { path: '/v1/acl/policy/', GET: readPolicy, PUT: updatePolicy, DELETE: deletePolicy },
  { path: '/v1/acl/roles', GET: listRoles },
  { path: '/v1/acl/role', PUT: createRole },
  { path: '/v1/acl/role/name/', GET: namedRole },
  { path: '/v1/acl/role/', GET: readRole, PUT: updateRole, DELETE: deleteRole },
  { path: '/v1/agent/token/', PUT: agentToken },
  { path: '/v1/acl/auth-methods', GET: none },
  { path: '/v1/acl/binding-rules', GET: none },
]

export const ACL: readonly Endpoint[] = PATHS.map(({ path, ...methods }) => ({
  path,
  ...Object.fromEntries(Object.entries(methods).map(([method, handler]) => [method, whereEnabled(handler)])),
}))

function whereEnabled(handler: Handler): Handler {
  return (request, registry) =>
    registry.access.enabled ? handler(request, registry) : text(401, 'ACL support disabled')
}
