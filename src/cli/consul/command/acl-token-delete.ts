/** `consul acl token delete`. */
import { tokenId } from '../acl/find.ts'
import { QUERY_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Deletes a token. Queries that are held in its name end at once.',
  flags: {
    ...QUERY_FLAGS,
    'accessor-id': { kind: 'text', description: 'AccessorID of the token, or the beginning of it.' },
    id: { kind: 'text', description: 'The same.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const id = await tokenId(api, { accessor: call.flags['accessor-id'], id: call.flags.id })
      await api.delete(`/v1/acl/token/${id}`)
      call.terminal.out.line(`Token "${id}" deleted successfully`)
      return 0
    }),
})
