/**
 * The merged rules of a token. The exact name counts before prefixes, the longest prefix before shorter ones; of two
 * rules for the same, deny counts before write before list before read.
 */
import { hash } from 'node:crypto'
import type { Access, NamedResource, Rule, SingleResource } from './contract.ts'

const PRECEDENCE: readonly Access[] = ['read', 'list', 'write', 'deny']

class NamedRules {
  readonly exact = new Map<string, Access>()
  readonly prefixes = new Map<string, Access>()
  /** Of the prefixes, longest first. */
  #lengths: readonly number[] | undefined

  find(name: string): Access | undefined {
    return this.exact.get(name) ?? this.findPrefix(name)
  }

  findPrefix(name: string): Access | undefined {
    this.#lengths ??= [...new Set([...this.prefixes.keys()].map(({ length }) => length))].sort((a, b) => b - a)
    for (const length of this.#lengths) {
      const found = length <= name.length ? this.prefixes.get(name.slice(0, length)) : undefined
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Those for `prefix` itself and for what lies under it. */
  *under(prefix: string): Generator<Access> {
    for (const rules of [this.exact, this.prefixes]) {
      for (const [name, access] of rules) if (name.startsWith(prefix)) yield access
    }
  }
}

export class RuleSet {
  /** Equal for sets that decide alike. */
  readonly key: string
  readonly #named = new Map<NamedResource, NamedRules>()
  readonly #single = new Map<SingleResource, Access>()

  constructor(rules: Iterable<Rule>) {
    for (const rule of rules) this.#add(rule)
    this.key = hash('sha256', JSON.stringify(this.#listing()))
  }

  single(resource: SingleResource): Access | undefined {
    return this.#single.get(resource)
  }

  named(resource: NamedResource, name: string): Access | undefined {
    return this.#named.get(resource)?.find(name)
  }

  /** What holds for a whole tree of keys; undefined = no rule says anything about it. */
  tree(prefix: string): 'write' | 'deny' | undefined {
    const keys = this.#named.get('key')
    if (keys === undefined) return undefined
    for (const access of keys.under(prefix)) if (access !== 'write') return 'deny'
    const above = keys.findPrefix(prefix)
    return above === undefined ? undefined : above === 'write' ? 'write' : 'deny'
  }

  #add({ resource, name, isPrefix, access }: Rule): void {
    if (isSingle(resource)) {
      merge(this.#single, resource, access)
      return
    }
    const rules = this.#named.get(resource) ?? new NamedRules()
    this.#named.set(resource, rules)
    merge(isPrefix ? rules.prefixes : rules.exact, name, access)
  }

  #listing(): unknown {
    const named = [...this.#named].map(([resource, { exact, prefixes }]) => [resource, sorted(exact), sorted(prefixes)])
    return [sorted(this.#single), named.sort((a, b) => compare(String(a[0]), String(b[0])))]
  }
}

const isSingle = (resource: Rule['resource']): resource is SingleResource =>
  resource === 'acl' ||
  resource === 'keyring' ||
  resource === 'mesh' ||
  resource === 'operator' ||
  resource === 'peering'

function merge<K>(rules: Map<K, Access>, key: K, access: Access): void {
  const before = rules.get(key)
  if (before === undefined || PRECEDENCE.indexOf(access) > PRECEDENCE.indexOf(before)) rules.set(key, access)
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
const sorted = (rules: Map<string, Access>) => [...rules].sort(([a], [b]) => compare(a, b))
