/** `consul acl role update`. */
import { namedId, readOne } from '../acl/find.ts'
import { GRANT_FLAGS, grantsOf, NAMED_FLAGS, SHOW_FLAGS } from '../acl/flags.ts'
import { printText, roleLines } from '../acl/print.ts'
import type { Grants, Role } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Changes a role. What is given is added, unless -no-merge. With -id, -name is a new name.',
  examples: [
    'acl role update -name=shop -policy-name=readers',
    'acl role update -name=shop -no-merge -policy-name=readers',
  ],
  flags: {
    ...SHOW_FLAGS,
    ...GRANT_FLAGS,
    ...NAMED_FLAGS,
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
      printText(call, await api.put(`/v1/acl/role/${found}`, {}, body), roleLines)
      return 0
    }),
})
