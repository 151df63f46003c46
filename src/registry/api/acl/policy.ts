/** /v1/acl/policy… */
import { randomUUID } from 'node:crypto'
import { isBuiltin } from '../../acl/builtin.ts'
import { RulesError } from '../../acl/hcl.ts'
import { parseRules } from '../../acl/rules.ts'
import type { PolicyBody } from '../../state/acl-records.ts'
import type { PolicyRecord } from '../../state/records.ts'
import { Refusal } from '../../state/refusal.ts'
import { STRINGS } from '../check-fields.ts'
import { int, object, string } from '../decode.ts'
import { type Answer, type ApiRequest, json, lookTwice, type Registry } from '../endpoint.ts'
import { read } from '../read.ts'
import { aboutAcl, aboutOne } from './about.ts'
import { decodeAcl, isUuid, refuse, sameId } from './decode.ts'
import { showPolicy, showPolicyStub } from './show.ts'

const INPUT = object({
  ID: string,
  Name: string,
  Description: string,
  Rules: string,
  Datacenters: STRINGS,
  Hash: string,
  CreateIndex: int,
  ModifyIndex: int,
})

export const listPolicies = read((_request, { store: { state } }) =>
  aboutAcl(state, () => [...state.acl.policies.values()].map(showPolicyStub)),
)

export const readPolicy = read(({ name }, { store: { state } }) => {
  if (name === '') refuse('Missing policy ID', 400)
  return aboutOne(state, 'policy', () => state.acl.policies.get(name), showPolicy)
})

export const namedPolicy = read(({ name }, { store: { state } }) => {
  if (name === '') refuse('Missing policy Name', 400)
  return aboutOne(state, 'policy', () => state.acl.policyNamed(name), showPolicy)
})

export async function createPolicy(request: ApiRequest, registry: Registry): Promise<Answer> {
  request.rights.require('acl', 'write')
  const input = await decodeAcl(request, 'Policy', INPUT)
  if ((input.ID ?? '') !== '') refuse('Cannot specify the ID when creating a new policy', 400)
  return store(policyOf(input, randomUUID()), true, registry)
}

export async function updatePolicy(request: ApiRequest, registry: Registry): Promise<Answer> {
  request.rights.require('acl', 'write')
  const input = await decodeAcl(request, 'Policy', INPUT)
  const id = sameId(request.name, input.ID, 'Policy ID in URL and payload do not match')
  if (!isUuid(id)) refuse('Policy ID invalid UUID')
  const { policies } = registry.store.state.acl
  await lookTwice(registry, () => policies.has(id))
  const policy = policyOf(input, id)
  refuseBuiltin(policy, policies.get(id))
  return store(policy, false, registry)
}

function refuseBuiltin({ ID, Rules, Name, Datacenters }: PolicyBody, before: PolicyRecord | undefined): void {
  if (before === undefined || !isBuiltin(ID)) return
  const what = Rules !== before.Rules ? 'Rules' : Name !== before.Name ? 'Name' : Datacenters && 'Datacenters'
  if (what !== undefined) refuse(`Changing the ${what} for the builtin ${before.Name} policy is not permitted`)
}

const NAME = /^[A-Za-z0-9_-]{1,128}$/

function policyOf({ Name = '', Description = '', Rules = '', Datacenters = [] }: ReturnType<typeof INPUT>, ID: string) {
  if (Name === '') refuse('Invalid Policy: no Name is set')
  if (!NAME.test(Name) && !isBuiltin(ID)) {
    refuse("Invalid Policy: invalid Name. Only alphanumeric characters, '-' and '_' are allowed")
  }
  checkRules(Rules)
  return { ID, Name, Description, Rules, ...(Datacenters.length === 0 ? {} : { Datacenters }) }
}

function checkRules(rules: string): void {
  try {
    parseRules(rules)
  } catch (error) {
    throw error instanceof RulesError ? new Refusal(500, error.message) : error
  }
}

async function store(policy: PolicyBody, isNew: boolean, { store }: Registry): Promise<Answer> {
  await store.write({ type: 'acl', action: { kind: 'policy-set', policy, isNew } })
  return json(showPolicy(store.state.acl.policies.get(policy.ID)!))
}

export async function deletePolicy({ name: id, rights }: ApiRequest, registry: Registry): Promise<Answer> {
  if (id === '') refuse('Missing policy ID', 400)
  rights.require('acl', 'write')
  const { policies } = registry.store.state.acl
  await lookTwice(registry, () => policies.has(id))
  const policy = policies.get(id)
  if (policy === undefined) refuse('Cannot find policy to delete', 404)
  if (isBuiltin(id)) refuse(`Delete operation not permitted on the builtin ${policy.Name} policy`)
  await registry.store.write({ type: 'acl', action: { kind: 'policy-delete', id } })
  return json(true)
}
