/** How tokens, policies and roles are read: by whoever may read ACLs, all at one index. */
import { Refusal } from '../../state/refusal.ts'
import { RESOURCE } from '../../state/resources.ts'
import type { State } from '../../state/state.ts'
import { encodeJson } from '../encoded.ts'
import type { Read } from '../read.ts'

/** `find` throws where there is nothing that `show` could show: nobody waits for that. */
export function aboutAcl(state: State, show: () => unknown, find?: () => unknown): Read {
  return {
    resources: [RESOURCE.acl],
    index: () => state.indexOf(RESOURCE.acl),
    check(rights) {
      rights.require('acl', 'read')
      find?.()
    },
    encode: () => encodeJson(show()),
  }
}

/** One thing out of many. @throws Refusal 404. */
export function aboutOne<T>(
  state: State,
  kind: 'token' | 'policy' | 'role',
  get: () => T | undefined,
  show: (one: T) => unknown,
): Read {
  const find = () => get() ?? absent(kind)
  return aboutAcl(state, () => show(find()), find)
}

function absent(kind: string): never {
  throw new Refusal(404, `Requested ${kind} does not exist: ACL not found`)
}
