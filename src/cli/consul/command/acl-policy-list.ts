/** `consul acl policy list`. */
import { SHOW_FLAGS } from '../acl/flags.ts'
import { policyListLines, printList } from '../acl/print.ts'
import type { Policy } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Lists the policies.',
  flags: SHOW_FLAGS,
  run: (call) =>
    withApi(call, async (api) => {
      printList(call, (await api.get('/v1/acl/policies')).body as Policy[], policyListLines)
      return 0
    }),
})
