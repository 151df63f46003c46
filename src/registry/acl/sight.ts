/** What is left of an answer for whoever asks, and whether anything was left out. One for each answer. */
import type { Rights } from './contract.ts'
import { UNLIMITED } from './rights.ts'

export class Sight {
  readonly rights: Rights
  #isPartial = false

  constructor(rights: Rights) {
    this.rights = rights
  }

  /** True once something was hidden. */
  get isPartial(): boolean {
    return this.#isPartial
  }

  node(name: string): boolean {
    return this.#show(this.rights.allows('node', 'read', name))
  }

  /** '' = of no service. */
  service(name: string): boolean {
    return this.#show(name === '' || this.rights.allows('service', 'read', name))
  }

  instance(node: string, service: string): boolean {
    return this.node(node) && this.service(service)
  }

  /** Tokens, policies and roles. */
  acl(): boolean {
    return this.#show(this.rights.allows('acl', 'read'))
  }

  key(name: string): boolean {
    return this.#show(this.rights.allows('key', 'read', name))
  }

  session(node: string): boolean {
    return this.#show(this.rights.allows('session', 'read', node))
  }

  event(name: string): boolean {
    return this.#show(this.rights.allows('event', 'read', name))
  }

  /** A query without a name is found by those who know its ID; lists show it to those who may write ACLs. */
  query(name: string, isTemplate: boolean): boolean {
    return this.#show(
      name === '' && !isTemplate ? this.rights.allows('acl', 'write') : this.rights.allows('query', 'read', name),
    )
  }

  #show(allowed: boolean): boolean {
    if (!allowed) this.#isPartial = true
    return allowed
  }
}

/** Sees everything. */
export const CLEAR = new Sight(UNLIMITED)
