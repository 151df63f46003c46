/** `consul acl role read`. */

import { namedId, readOne } from '../acl/find.ts'
import { SHOW_FLAGS } from '../acl/flags.ts'
import { print, roleLines } from '../acl/print.ts'
import type { Role } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Shows a role.',
  flags: {
    ...SHOW_FLAGS,
    id: { kind: 'text', description: 'ID of the role, or the beginning of it.' },
    name: { kind: 'text', description: 'Its name.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const id = await namedId(api, 'role', call.flags)
      print(call, await readOne<Role>(api, `/v1/acl/role/${id}`), roleLines)
      return 0
    }),
})
