/** Flags that the sub-commands of `consul acl` share, and what they say. */
import { Failure } from '../../command.ts'
import { QUERY_FLAGS } from '../api.ts'
import type { FlagValues } from '../contract.ts'
import type { Grants, Link } from './shapes.ts'

const list = (description: string) => ({ kind: 'list', description }) as const
const text = (description: string) => ({ kind: 'text', description }) as const

export const SHOW_FLAGS = {
  ...QUERY_FLAGS,
  format: text('pretty or json. Default: pretty.'),
  meta: { kind: 'switch', description: 'Show hash and indexes, too.' },
} as const

/** Which policy or role is meant. */
export const NAMED_FLAGS = {
  id: text('Its ID, or the beginning of it.'),
  name: text('Its name.'),
} as const

/** Which token is meant. */
export const TOKEN_ID_FLAGS = {
  'accessor-id': text('Its AccessorID, or the beginning of it.'),
  id: text('The same.'),
} as const

/** What a policy is made of, beside its name. */
export const POLICY_FLAGS = {
  description: text('What it is for.'),
  rules: text('The rules in HCL or JSON, @file, or - for standard input.'),
  'valid-datacenter': list('Where it counts. Default: everywhere. May be repeated.'),
} as const

export const GRANT_FLAGS = {
  'policy-id': list('ID of a policy. May be repeated.'),
  'policy-name': list('Name of a policy. May be repeated.'),
  'service-identity': list('name, or name:dc1,dc2: what a service of this name needs. May be repeated.'),
  'node-identity': list('name:datacenter: what a node of this name needs. May be repeated.'),
} as const

export const ROLE_LINK_FLAGS = {
  'role-id': list('ID of a role. May be repeated.'),
  'role-name': list('Name of a role. May be repeated.'),
} as const

/** Flags that leave what was there and add to it. */
export const APPEND_FLAGS = {
  'append-policy-id': list('Add this policy. May be repeated.'),
  'append-policy-name': list('Add this policy. May be repeated.'),
  'append-role-id': list('Add this role. May be repeated.'),
  'append-role-name': list('Add this role. May be repeated.'),
  'append-service-identity': list('Add this identity. May be repeated.'),
  'append-node-identity': list('Add this identity. May be repeated.'),
} as const

/** @throws Failure without one. */
export function needName(name: string | undefined): string {
  if (name === undefined || name === '') throw new Failure('Missing require argument: -name')
  return name
}

export function grantsOf(flags: FlagValues<typeof GRANT_FLAGS>): Required<Grants> {
  return {
    Policies: linksOf(flags['policy-id'], flags['policy-name']),
    ServiceIdentities: (flags['service-identity'] ?? []).map(serviceIdentity),
    NodeIdentities: (flags['node-identity'] ?? []).map(nodeIdentity),
  }
}

export function linksOf(ids: readonly string[] = [], names: readonly string[] = []): Link[] {
  return [...names.map((Name) => ({ Name })), ...ids.map((ID) => ({ ID }))]
}

export function serviceIdentity(given: string): { ServiceName: string; Datacenters?: string[] } {
  const colon = given.indexOf(':')
  if (colon < 0) return { ServiceName: given }
  return { ServiceName: given.slice(0, colon), Datacenters: given.slice(colon + 1).split(',') }
}

export function nodeIdentity(given: string): { NodeName: string; Datacenter: string } {
  const [NodeName, Datacenter, more] = given.split(':')
  if (NodeName && Datacenter && more === undefined) return { NodeName, Datacenter }
  throw new Failure(`Malformed -node-identity argument: ${JSON.stringify(given)}`, 'Write name:datacenter.')
}
