/** The two kinds of rights: all of them, and what a set of rules leaves of them. */
import { Refusal } from '../state/refusal.ts'
import {
  type Access,
  ANONYMOUS_ID,
  type Identity,
  type Resource,
  type Rights,
  SINGLE,
  type SingleResource,
} from './contract.ts'
import type { RuleSet } from './rule-set.ts'

/** Where nobody asks who asks. */
export const UNLIMITED: Rights = {
  identity: { accessor: '', name: '' },
  key: '',
  index: 0,
  allows: () => true,
  allowsTree: () => true,
  require() {},
  requireTree() {},
}

export class Limited implements Rights {
  readonly identity: Identity
  readonly key: string
  readonly index: number
  readonly #rules: RuleSet
  readonly #open: boolean

  /** @param open what counts where no rule says anything; never for `acl`. */
  constructor(identity: Identity, rules: RuleSet, open: boolean, index: number) {
    this.identity = identity
    this.key = `${open ? 'open' : 'closed'} ${rules.key}`
    this.index = index
    this.#rules = rules
    this.#open = open
  }

  allows(resource: Resource, access: Access, name = ''): boolean {
    const rule = isSingle(resource) ? this.#single(resource) : this.#rules.named(resource, name)
    return rule === undefined ? this.#open && resource !== 'acl' : covers(rule, access)
  }

  /** Mesh and peering are matters of operators unless a rule names them. */
  #single(resource: SingleResource): Access | undefined {
    const own = this.#rules.single(resource)
    return own === undefined && (resource === 'mesh' || resource === 'peering') ? this.#rules.single('operator') : own
  }

  allowsTree(prefix: string): boolean {
    const rule = this.#rules.tree(prefix)
    return rule === undefined ? this.#open : rule === 'write'
  }

  require(resource: Resource, access: Access, name = ''): void {
    if (!this.allows(resource, access, name)) throw denied(this.identity, `${resource}:${access}`, name)
  }

  requireTree(prefix: string): void {
    if (!this.allowsTree(prefix)) throw denied(this.identity, 'key:write', prefix)
  }
}

const isSingle = (resource: Resource): resource is SingleResource => (SINGLE as readonly string[]).includes(resource)

function covers(rule: Access, wanted: Access): boolean {
  if (rule === 'write') return true
  if (rule === 'list') return wanted === 'list' || wanted === 'read'
  return rule === 'read' && wanted === 'read'
}

/** Consul's words. */
function denied({ accessor }: Identity, permission: string, name: string): Refusal {
  const isAnonymous = accessor === ANONYMOUS_ID
  const who = isAnonymous ? 'anonymous token' : `token with AccessorID '${accessor}'`
  const what = name === '' ? '' : ` on ${JSON.stringify(name)}`
  const hint = isAnonymous ? '. The anonymous token is used implicitly when a request does not specify a token.' : ''
  return new Refusal(403, `Permission denied: ${who} lacks permission '${permission}'${what}${hint}`)
}
