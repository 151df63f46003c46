/** Policies that are always there, and those that identities stand for. */
import type { NodeIdentity, PolicyBody, ServiceIdentity } from '../state/acl-records.ts'
import { type Access, MANAGEMENT_ID, NAMED, READ_ONLY_ID, type Rule, SINGLE } from './contract.ts'

const everything = (access: 'read' | 'write') =>
  [
    ...SINGLE.map((resource) => `${resource} = "${access}"`),
    ...NAMED.map((resource) => `${resource}_prefix "" {\n  policy = "${access}"\n}`),
  ].join('\n')

export const BUILTIN_POLICIES: readonly PolicyBody[] = [
  {
    ID: MANAGEMENT_ID,
    Name: 'global-management',
    Description: 'A policy that grants unlimited access',
    Rules: everything('write'),
  },
  {
    ID: READ_ONLY_ID,
    Name: 'builtin/global-read-only',
    Description: 'A policy that grants unlimited read-only access to all components',
    Rules: everything('read'),
  },
]

export const isBuiltin = (id: string) => BUILTIN_POLICIES.some(({ ID }) => ID === id)

const rule = (resource: Rule['resource'], name: string, access: Access, isPrefix = false): Rule => ({
  ...{ resource, name, isPrefix, access },
})
const SEE_SERVICES = rule('service', '', 'read', true)

/** Registers the service and its proxy, and finds everybody. */
export function serviceRules({ ServiceName }: ServiceIdentity): Rule[] {
  return [
    rule('service', ServiceName, 'write'),
    rule('service', `${ServiceName}-sidecar-proxy`, 'write'),
    SEE_SERVICES,
    rule('node', '', 'read', true),
  ]
}

export function nodeRules({ NodeName }: NodeIdentity): Rule[] {
  return [rule('node', NodeName, 'write'), SEE_SERVICES]
}
