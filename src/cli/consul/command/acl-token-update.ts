/** `consul acl token update`. */
import { readOne, tokenId } from '../acl/find.ts'
import {
  APPEND_FLAGS,
  GRANT_FLAGS,
  grantsOf,
  linksOf,
  nodeIdentity,
  ROLE_LINK_FLAGS,
  SHOW_FLAGS,
  serviceIdentity,
  TOKEN_ID_FLAGS,
} from '../acl/flags.ts'
import { printText, tokenLines } from '../acl/print.ts'
import type { Token } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand, type FlagValues } from '../contract.ts'

const FLAGS = {
  ...SHOW_FLAGS,
  ...GRANT_FLAGS,
  ...ROLE_LINK_FLAGS,
  ...APPEND_FLAGS,
  ...TOKEN_ID_FLAGS,
  description: { kind: 'text', description: 'A new description.' },
} as const

export default consulCommand({
  usage: '[options]',
  description: 'Changes a token. What is given replaces what was there; -append-… adds to it.',
  examples: ['acl token update -accessor-id=7f3a -append-policy-name=readers'],
  flags: FLAGS,
  run: (call) =>
    withApi(call, async (api) => {
      const { flags } = call
      const id = await tokenId(api, flags)
      const before = await readOne<Token>(api, `/v1/acl/token/${id}`)
      const updated = await api.put(`/v1/acl/token/${id}`, {}, merged(before, flags))
      printText(call, updated, tokenLines)
      return 0
    }),
})

/** A list of which nothing is given stays as it is. */
function merged(before: Token, flags: FlagValues<typeof FLAGS>): Partial<Token> {
  const given = grantsOf(flags)
  const roles = linksOf(flags['role-id'], flags['role-name'])
  const more = {
    policies: linksOf(flags['append-policy-id'], flags['append-policy-name']),
    roles: linksOf(flags['append-role-id'], flags['append-role-name']),
    services: (flags['append-service-identity'] ?? []).map(serviceIdentity),
    nodes: (flags['append-node-identity'] ?? []).map(nodeIdentity),
  }
  return {
    Description: flags.description ?? before.Description,
    Policies: [...either(given.Policies, before.Policies), ...more.policies],
    Roles: [...either(roles, before.Roles), ...more.roles],
    ServiceIdentities: [...either(given.ServiceIdentities, before.ServiceIdentities), ...more.services],
    NodeIdentities: [...either(given.NodeIdentities, before.NodeIdentities), ...more.nodes],
    Local: before.Local,
  }
}

function either<T>(given: readonly T[], before: readonly T[] = []): readonly T[] {
  return given.length > 0 ? given : before
}
