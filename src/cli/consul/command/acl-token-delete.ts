/** `consul acl token delete`. */
import { tokenId } from '../acl/find.ts'
import { TOKEN_ID_FLAGS } from '../acl/flags.ts'
import { QUERY_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Deletes a token. Queries that are held in its name end at once.',
  examples: ['acl token delete -accessor-id=7f3a'],
  flags: {
    ...QUERY_FLAGS,
    ...TOKEN_ID_FLAGS,
  },
  run: (call) =>
    withApi(call, async (api) => {
      const id = await tokenId(api, call.flags)
      await api.delete(`/v1/acl/token/${id}`)
      call.terminal.out.line(`Token "${id}" deleted successfully`)
      return 0
    }),
})
