/** `consul acl role create`. */

import { Failure } from '../../command.ts'
import { GRANT_FLAGS, grantsOf, SHOW_FLAGS } from '../acl/flags.ts'
import { print, roleLines } from '../acl/print.ts'
import type { Role } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Makes a role: policies and identities under one name.',
  flags: {
    ...SHOW_FLAGS,
    ...GRANT_FLAGS,
    name: { kind: 'text', description: 'Its name.' },
    description: { kind: 'text', description: 'What it is for.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const { name, description } = call.flags
      if (name === undefined || name === '') throw new Failure('Missing require argument: -name')
      const body = { Name: name, Description: description, ...grantsOf(call.flags) }
      print(call, JSON.parse(await api.put('/v1/acl/role', {}, body)) as Role, roleLines)
      return 0
    }),
})
