/** `consul acl token list`. */
import { SHOW_FLAGS } from '../acl/flags.ts'
import { printList, tokenListLines } from '../acl/print.ts'
import type { Token } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Lists the tokens, without their secrets.',
  flags: SHOW_FLAGS,
  run: (call) =>
    withApi(call, async (api) => {
      printList(call, (await api.get('/v1/acl/tokens')).body as Token[], tokenListLines)
      return 0
    }),
})
