/** `consul acl policy read`. */

import { namedId, readOne } from '../acl/find.ts'
import { SHOW_FLAGS } from '../acl/flags.ts'
import { policyLines, print } from '../acl/print.ts'
import type { Policy } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Shows a policy.',
  flags: {
    ...SHOW_FLAGS,
    id: { kind: 'text', description: 'ID of the policy, or the beginning of it.' },
    name: { kind: 'text', description: 'Its name.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const id = await namedId(api, 'policy', call.flags)
      print(call, await readOne<Policy>(api, `/v1/acl/policy/${id}`), policyLines)
      return 0
    }),
})
