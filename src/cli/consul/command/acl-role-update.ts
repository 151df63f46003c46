/** `consul acl role update`. */

import { namedId, readOne } from '../acl/find.ts'
import { GRANT_FLAGS, grantsOf, SHOW_FLAGS } from '../acl/flags.ts'
import { print, roleLines } from '../acl/print.ts'
import type { Grants, Role } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Changes a role. What is given is added, unless -no-merge. With -id, -name is a new name.',
  flags: {
    ...SHOW_FLAGS,
    ...GRANT_FLAGS,
    id: { kind: 'text', description: 'ID of the role, or the beginning of it.' },
    name: { kind: 'text', description: 'Its name; with -id a new one.' },
    description: { kind: 'text', description: 'What it is for.' },
    'no-merge': { kind: 'switch', description: 'What is not given is taken away.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const { id, name, description, 'no-merge': isWhole } = call.flags
      const found = await namedId(api, 'role', { id, name })
      const before = await readOne<Role>(api, `/v1/acl/role/${found}`)
      const given = grantsOf(call.flags)
      const rest: Grants = isWhole ? {} : before
      const body = {
        Name: name ?? before.Name,
        Description: description ?? (isWhole ? '' : before.Description),
        Policies: [...(rest.Policies ?? []), ...given.Policies],
        ServiceIdentities: [...(rest.ServiceIdentities ?? []), ...given.ServiceIdentities],
        NodeIdentities: [...(rest.NodeIdentities ?? []), ...given.NodeIdentities],
      }
      print(call, JSON.parse(await api.put(`/v1/acl/role/${found}`, {}, body)) as Role, roleLines)
      return 0
    }),
})
