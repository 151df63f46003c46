/** `consul acl token clone`. */

import { tokenId } from '../acl/find.ts'
import { SHOW_FLAGS } from '../acl/flags.ts'
import { print, tokenLines } from '../acl/print.ts'
import type { Token } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Makes a token with the rights of another.',
  flags: {
    ...SHOW_FLAGS,
    'accessor-id': { kind: 'text', description: 'AccessorID of the other, or the beginning of it.' },
    id: { kind: 'text', description: 'The same.' },
    description: { kind: 'text', description: "Default: the other's." },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const { id, description: Description, 'accessor-id': accessor } = call.flags
      const original = await tokenId(api, { accessor, id })
      const made = await api.put(`/v1/acl/token/${original}/clone`, {}, { Description })
      print(call, JSON.parse(made) as Token, tokenLines)
      return 0
    }),
})
