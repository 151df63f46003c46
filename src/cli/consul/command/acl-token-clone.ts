/** `consul acl token clone`. */
import { tokenId } from '../acl/find.ts'
import { SHOW_FLAGS, TOKEN_ID_FLAGS } from '../acl/flags.ts'
import { printText, tokenLines } from '../acl/print.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Makes a token with the rights of another.',
  examples: ["acl token clone -accessor-id=7f3a -description='orders on host 8'"],
  flags: {
    ...SHOW_FLAGS,
    ...TOKEN_ID_FLAGS,
    description: { kind: 'text', description: "Default: the other's." },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const original = await tokenId(api, call.flags)
      const made = await api.put(`/v1/acl/token/${original}/clone`, {}, { Description: call.flags.description })
      printText(call, made, tokenLines)
      return 0
    }),
})
