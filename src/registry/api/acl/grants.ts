/** What tokens and roles are given, from a body to a record. */
import type { Grants, NodeIdentity, ServiceIdentity } from '../../state/acl-records.ts'
import type { State } from '../../state/state.ts'
import { type Link, type NODE_IDENTITIES, refuse, type SERVICE_IDENTITIES } from './decode.ts'

interface Given {
  readonly Policies?: readonly Link[]
  readonly ServiceIdentities?: ReturnType<typeof SERVICE_IDENTITIES>
  readonly NodeIdentities?: ReturnType<typeof NODE_IDENTITIES>
}

/** @param on `token` or `role`. @throws Refusal 500 for a policy that is not there and for names that cannot be. */
export function grantsOf(given: Given, { acl }: State, on: string): Grants {
  return {
    Policies: linksOf(given.Policies, 'policy', acl.policies, (name) => acl.policyNamed(name)),
    ServiceIdentities: distinct((given.ServiceIdentities ?? []).map((one) => serviceIdentity(one, on))),
    NodeIdentities: distinct((given.NodeIdentities ?? []).map((one) => nodeIdentity(one, on))),
  }
}

/** IDs, each once. */
export function linksOf(
  links: readonly Link[] = [],
  what: string,
  known: ReadonlyMap<string, unknown>,
  named: (name: string) => { readonly ID: string } | undefined,
): string[] {
  return distinct(
    links.map(({ ID = '', Name = '' }) => {
      if (ID !== '') return known.has(ID) ? ID : refuse(`No such ACL ${what} with ID ${JSON.stringify(ID)}`)
      return named(Name)?.ID ?? refuse(`No such ACL ${what} with name ${JSON.stringify(Name)}`)
    }),
  )
}

function distinct<T>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()]
}

const IDENTITY_NAME = /^[a-z0-9]([a-z0-9_-]{0,254}[a-z0-9])?$/

type GivenService = ReturnType<typeof SERVICE_IDENTITIES>[number]
type GivenNode = ReturnType<typeof NODE_IDENTITIES>[number]

function serviceIdentity({ ServiceName = '', Datacenters = [] }: GivenService, on: string): ServiceIdentity {
  if (ServiceName === '') refuse(`Service identity is missing the service name field on this ${on}`)
  if (!IDENTITY_NAME.test(ServiceName)) {
    const rule = "Only alphanumeric characters, '-' and '_' are allowed"
    refuse(`Service identity ${JSON.stringify(ServiceName)} has an invalid name. ${rule}`)
  }
  return Datacenters.length === 0 ? { ServiceName } : { ServiceName, Datacenters }
}

function nodeIdentity({ NodeName = '', Datacenter = '' }: GivenNode, on: string): NodeIdentity {
  if (NodeName === '') refuse(`Node identity is missing the node name field on this ${on}`)
  if (Datacenter === '') refuse(`Node identity is missing the datacenter field on this ${on}`)
  if (!IDENTITY_NAME.test(NodeName)) {
    refuse("Node identity has an invalid name. Only alphanumeric characters, '-' and '_' are allowed")
  }
  return { NodeName, Datacenter }
}
