/** `consul acl token read`. */
import { readOne, tokenId } from '../acl/find.ts'
import { SHOW_FLAGS, TOKEN_ID_FLAGS } from '../acl/flags.ts'
import { policyLines, print, tokenLines } from '../acl/print.ts'
import type { Policy, Token } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

type Expanded = Token & { readonly ExpandedPolicies?: readonly Policy[] }

export default consulCommand({
  usage: '[options]',
  description: 'Shows a token. Its secret is shown only to whoever has it (-self).',
  examples: ['acl token read -self', 'acl token read -accessor-id=7f3a -expanded'],
  flags: {
    ...SHOW_FLAGS,
    ...TOKEN_ID_FLAGS,
    self: { kind: 'switch', description: 'The token that this command uses.' },
    expanded: { kind: 'switch', description: 'Show the rules of its policies, too.' },
  },
  run: (call) =>
    withApi(call, async (api) => {
      const { self, expanded } = call.flags
      const name = self ? 'self' : await tokenId(api, call.flags)
      const token = await readOne<Expanded>(api, `/v1/acl/token/${name}`, { expanded })
      print(call, token, expandedLines)
      return 0
    }),
})

function expandedLines(token: Expanded, meta: boolean): string[] {
  const policies = (token.ExpandedPolicies ?? []).flatMap((policy) => ['', ...policyLines(policy, meta)])
  return [...tokenLines(token, meta), ...policies]
}
