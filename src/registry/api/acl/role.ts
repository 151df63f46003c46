/** /v1/acl/role… */
import { randomUUID } from 'node:crypto'
import type { RoleBody } from '../../state/acl-records.ts'
import type { State } from '../../state/state.ts'
import { any, int, object, string } from '../decode.ts'
import { type Answer, type ApiRequest, json, lookTwice, type Registry } from '../endpoint.ts'
import { read } from '../read.ts'
import { aboutAcl, aboutOne } from './about.ts'
import { decodeAcl, isUuid, LINKS, NODE_IDENTITIES, refuse, SERVICE_IDENTITIES, sameId } from './decode.ts'
import { grantsOf } from './grants.ts'
import { showRole } from './show.ts'

const INPUT = object({
  ID: string,
  Name: string,
  Description: string,
  Policies: LINKS,
  ServiceIdentities: SERVICE_IDENTITIES,
  NodeIdentities: NODE_IDENTITIES,
  TemplatedPolicies: any,
  Hash: string,
  CreateIndex: int,
  ModifyIndex: int,
})

export const listRoles = read(({ query }, { store: { state } }) => {
  const policy = query.get('policy') || undefined
  const found = () =>
    [...state.acl.roles.values()].filter(({ Policies }) => policy === undefined || Policies.includes(policy))
  return aboutAcl(state, () => found().map((role) => showRole(state, role)))
})

export const readRole = read(({ name }, { store: { state } }) => {
  if (name === '') refuse('Missing role ID', 400)
  return aboutOne(
    state,
    'role',
    () => state.acl.roles.get(name),
    (role) => showRole(state, role),
  )
})

export const namedRole = read(({ name }, { store: { state } }) => {
  if (name === '') refuse('Missing role Name', 400)
  return aboutOne(
    state,
    'role',
    () => state.acl.roleNamed(name),
    (role) => showRole(state, role),
  )
})

export async function createRole(request: ApiRequest, registry: Registry): Promise<Answer> {
  request.rights.require('acl', 'write')
  const input = await decodeAcl(request, 'Role', INPUT)
  sameId('', input.ID, 'Role ID in URL and payload do not match')
  return store(input, randomUUID(), true, registry)
}

export async function updateRole(request: ApiRequest, registry: Registry): Promise<Answer> {
  request.rights.require('acl', 'write')
  const input = await decodeAcl(request, 'Role', INPUT)
  const id = sameId(request.name, input.ID, 'Role ID in URL and payload do not match')
  if (!isUuid(id)) refuse('Role ID invalid UUID')
  return store(input, id, false, registry)
}

const NAME = /^[A-Za-z0-9_-]{1,256}$/

type Input = ReturnType<typeof INPUT>

function roleOf(input: Input, ID: string, state: State): RoleBody {
  const { Name = '', Description = '', TemplatedPolicies } = input
  if (Name === '') refuse('Invalid Role: no Name is set')
  if (!NAME.test(Name)) refuse("Invalid Role: invalid Name. Only alphanumeric characters, '-' and '_' are allowed")
  if (Array.isArray(TemplatedPolicies) && TemplatedPolicies.length > 0) {
    refuse('Templated policies are not supported here: give service and node identities, or policies')
  }
  return { ID, Name, Description, ...grantsOf(input, state, 'role') }
}

/** What it grants is looked for in the state that is written to. */
async function store(input: Input, id: string, isNew: boolean, { store }: Registry): Promise<Answer> {
  await store.write((state) => ({ type: 'acl', action: { kind: 'role-set', role: roleOf(input, id, state), isNew } }))
  return json(showRole(store.state, store.state.acl.roles.get(id)!))
}

export async function deleteRole({ name: id, rights }: ApiRequest, registry: Registry): Promise<Answer> {
  if (id === '') refuse('Missing role ID', 400)
  rights.require('acl', 'write')
  const { roles } = registry.store.state.acl
  await lookTwice(registry, () => roles.has(id))
  if (!roles.has(id)) refuse('Cannot find role to delete', 404)
  await registry.store.write({ type: 'acl', action: { kind: 'role-delete', id } })
  return json(true)
}
