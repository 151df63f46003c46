/** `consul acl token create`. */
import { GRANT_FLAGS, grantsOf, linksOf, ROLE_LINK_FLAGS, SHOW_FLAGS } from '../acl/flags.ts'
import { printText, tokenLines } from '../acl/print.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Makes a token. Its secret is shown now and never again: the registry keeps only a hash of it.',
  examples: [
    "acl token create -description='orders on host 7' -policy-name=orders",
    'acl token create -service-identity=users -expires-ttl=8h',
  ],
  flags: {
    ...SHOW_FLAGS,
    ...GRANT_FLAGS,
    ...ROLE_LINK_FLAGS,
    accessor: { kind: 'text', description: 'AccessorID, a UUID. Default: a new one.' },
    secret: { kind: 'text', description: 'SecretID, a UUID. Default: a new one.' },
    description: { kind: 'text', description: 'What it is for; the history names it by this.' },
    'expires-ttl': { kind: 'text', description: 'How long it lives: 1m to 24h. Default: for ever.' },
    local: { kind: 'switch', description: 'Only for this datacenter.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const { flags } = call
      const body = {
        AccessorID: flags.accessor,
        SecretID: flags.secret,
        Description: flags.description,
        ...grantsOf(flags),
        Roles: linksOf(flags['role-id'], flags['role-name']),
        Local: flags.local,
        ExpirationTTL: flags['expires-ttl'],
      }
      printText(call, await api.put('/v1/acl/token', {}, body), tokenLines)
      return 0
    }),
})
