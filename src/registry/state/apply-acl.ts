/** Tokens, policies and roles in the state. */
import type { PolicyBody, RoleBody, TokenBody } from './acl-records.ts'
import type { Application, Place } from './application.ts'
import type { Bodies, Indexes } from './records.ts'
import { RESOURCE } from './resources.ts'
import type { State } from './state.ts'

type AclKind = 'acl-token' | 'acl-policy' | 'acl-role' | 'acl-bootstrap'

/** One table of records with a second way to find them. */
interface Table<Body> {
  records(state: State): Map<string, Body & Indexes>
  lookup?(state: State): Map<string, string>
  /** The key of `lookup`. */
  alias?(body: Body): string
}

export const ACL_PLACES: { readonly [K in AclKind]: Place<Bodies[K]> } = {
  'acl-token': placeIn<TokenBody>({
    records: ({ acl }) => acl.tokens,
    lookup: ({ acl }) => acl.secrets,
    alias: ({ secretHash }) => secretHash,
  }),
  'acl-policy': placeIn<PolicyBody>({
    records: ({ acl }) => acl.policies,
    lookup: ({ acl }) => acl.policyNames,
    alias: ({ Name }) => Name.toLowerCase(),
  }),
  'acl-role': placeIn<RoleBody>({
    records: ({ acl }) => acl.roles,
    lookup: ({ acl }) => acl.roleNames,
    alias: ({ Name }) => Name.toLowerCase(),
  }),
  'acl-bootstrap': placeIn<Bodies['acl-bootstrap']>({ records: ({ acl }) => acl.bootstraps }),
}

function placeIn<Body>(table: Table<Body>): Place<Body> {
  const place = (application: Application, key: string, record: Body & Indexes) => {
    const { state, journal } = application
    journal.set(table.records(state), key, record)
    if (table.lookup !== undefined) journal.set(table.lookup(state), table.alias!(record), key)
  }
  return {
    find: (state, key) => table.records(state).get(key),
    place,
    put(application, key, record) {
      forgetAlias(table, application, key)
      place(application, key, record)
      application.touch(RESOURCE.acl)
    },
    remove(application, key) {
      forgetAlias(table, application, key)
      application.journal.delete(table.records(application.state), key)
      application.touch(RESOURCE.acl)
    },
  }
}

function forgetAlias<Body>(table: Table<Body>, { state, journal }: Application, key: string): void {
  const before = table.records(state).get(key)
  if (before === undefined || table.lookup === undefined) return
  const alias = table.alias!(before)
  if (table.lookup(state).get(alias) === key) journal.delete(table.lookup(state), alias)
}
