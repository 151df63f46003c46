/** `consul acl policy delete`. */
import { namedId } from '../acl/find.ts'
import { QUERY_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Deletes a policy. Tokens that have it lose what it grants at once.',
  flags: {
    ...QUERY_FLAGS,
    id: { kind: 'text', description: 'ID of the policy, or the beginning of it.' },
    name: { kind: 'text', description: 'Its name.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const id = await namedId(api, 'policy', call.flags)
      await api.delete(`/v1/acl/policy/${id}`)
      call.terminal.out.line(`Policy "${id}" deleted successfully`)
      return 0
    }),
})
