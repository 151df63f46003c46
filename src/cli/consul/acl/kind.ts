/** What policies and roles have in common: an ID, a name, and the sub-commands that go by these. Tokens are listed alike. */
import { QUERY_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { namedId, readOne } from './find.ts'
import { NAMED_FLAGS, SHOW_FLAGS } from './flags.ts'
import {
  type Lines,
  policyLines,
  policyListLines,
  print,
  printList,
  roleLines,
  roleListLines,
  tokenListLines,
} from './print.ts'
import type { Policy, Role, Token } from './shapes.ts'

interface Listed<T> {
  readonly noun: 'policy' | 'role' | 'token'
  readonly plural: 'policies' | 'roles' | 'tokens'
  readonly listLines: Lines<T>
}

interface Named<T> extends Listed<T> {
  readonly noun: 'policy' | 'role'
  readonly lines: Lines<T>
}

export const POLICY: Named<Policy> = {
  noun: 'policy',
  plural: 'policies',
  lines: policyLines,
  listLines: policyListLines,
}
export const ROLE: Named<Role> = { noun: 'role', plural: 'roles', lines: roleLines, listLines: roleListLines }
export const TOKEN: Listed<Token> = { noun: 'token', plural: 'tokens', listLines: tokenListLines }

/** `consul acl policy list`. `but` goes on with the description. */
export const listCommand = <T>({ noun, plural, listLines }: Listed<T>, but = '') =>
  consulCommand({
    usage: '[options]',
    description: `Lists the ${plural}${but}.`,
    examples: [`acl ${noun} list`, `acl ${noun} list -format=json`],
    flags: SHOW_FLAGS,
    run: (call) =>
      withApi(call, async (api) => {
        printList(call, (await api.get(`/v1/acl/${plural}`)).body as T[], listLines)
        return 0
      }),
  })

/** `consul acl policy read`. */
export const readCommand = <T>({ noun, lines }: Named<T>) =>
  consulCommand({
    usage: '[options]',
    description: `Shows a ${noun}.`,
    examples: [`acl ${noun} read -name=orders`, `acl ${noun} read -id=7f3a -meta`],
    flags: { ...SHOW_FLAGS, ...NAMED_FLAGS },
    run: (call) =>
      withApi(call, async (api) => {
        const id = await namedId(api, noun, call.flags)
        print(call, await readOne<T>(api, `/v1/acl/${noun}/${id}`), lines)
        return 0
      }),
  })

/** `consul acl policy delete`. */
export const deleteCommand = <T>({ noun }: Named<T>) =>
  consulCommand({
    usage: '[options]',
    description: `Deletes a ${noun}. Tokens that have it lose what it grants at once.`,
    examples: [`acl ${noun} delete -name=orders`],
    flags: { ...QUERY_FLAGS, ...NAMED_FLAGS },
    run: (call) =>
      withApi(call, async (api) => {
        const id = await namedId(api, noun, call.flags)
        await api.delete(`/v1/acl/${noun}/${id}`)
        call.terminal.out.line(`${noun === 'policy' ? 'Policy' : 'Role'} "${id}" deleted successfully`)
        return 0
      }),
  })
