/** `consul acl role list`. */
import { SHOW_FLAGS } from '../acl/flags.ts'
import { printList, roleListLines } from '../acl/print.ts'
import type { Role } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Lists the roles.',
  flags: SHOW_FLAGS,
  run: (call) =>
    withApi(call, async (api) => {
      printList(call, (await api.get('/v1/acl/roles')).body as Role[], roleListLines)
      return 0
    }),
})
