/** `consul acl role create`. */
import { GRANT_FLAGS, grantsOf, needName, SHOW_FLAGS } from '../acl/flags.ts'
import { printText, roleLines } from '../acl/print.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Makes a role: policies and identities under one name.',
  examples: ['acl role create -name=shop -policy-name=orders -service-identity=users'],
  flags: {
    ...SHOW_FLAGS,
    ...GRANT_FLAGS,
    name: { kind: 'text', description: 'Its name.' },
    description: { kind: 'text', description: 'What it is for.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const { name, description } = call.flags
      const body = { Name: needName(name), Description: description, ...grantsOf(call.flags) }
      printText(call, await api.put('/v1/acl/role', {}, body), roleLines)
      return 0
    }),
})
