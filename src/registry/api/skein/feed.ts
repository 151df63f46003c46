/**
 * Which instances changed, worked out and encoded once for all event streams. It follows the store only while somebody
 * listens. A change of a node or of one of its checks is a change of every instance on it.
 */
import { randomBytes } from 'node:crypto'
import type { Change, NodeRecord, ServiceRecord } from '../../state/records.ts'
import { onNode } from '../../state/records.ts'
import type { Store } from '../../store.ts'
import { encodeJson } from '../encoded.ts'

/** One instance came, changed or went. */
export interface Delta {
  readonly service: string
  readonly node: string
  /** `{"Service":…,"Node":…,"ID":…,"Instance":{…} or null}` */
  readonly json: string
}

export interface Listener {
  /** All that one write or several together changed, up to the state's index. */
  hear(deltas: readonly Delta[]): void
  /** The registry closes. */
  end(): void
}

/** An instance as JSON is made of it. */
export type Show = (found: { node: NodeRecord; service: ServiceRecord }) => object

export class InstanceFeed {
  /** Which counting of indexes this is: those of memory start over with each run. */
  readonly run = randomBytes(4).toString('hex')
  readonly #store: Store
  readonly #show: Show
  readonly #listeners = new Set<Listener>()
  /** Record key of an instance → name of its service, as the listeners know it. */
  readonly #names = new Map<string, string>()
  /** Record key of a check → ID of its service, for when the check is gone. */
  readonly #owners = new Map<string, string>()
  readonly #touched = new Set<string>()
  #forget: (() => void) | undefined

  constructor(store: Store, show: Show) {
    this.#store = store
    this.#show = show
  }

  get size(): number {
    return this.#listeners.size
  }

  /** Returns the function that ends it. */
  add(listener: Listener): () => void {
    if (this.#listeners.size === 0) this.#begin()
    this.#listeners.add(listener)
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#forget?.()
    }
  }

  close(): void {
    for (const listener of this.#listeners) listener.end()
  }

  #begin(): void {
    const { state } = this.#store
    this.#names.clear()
    this.#owners.clear()
    for (const [key, { Service }] of state.services) this.#names.set(key, Service)
    for (const [key, { ServiceID }] of state.checks) this.#owners.set(key, ServiceID)
    this.#forget = this.#store.onChanges((changes) => this.#collect(changes))
  }

  /** Told at the end of the turn: writes committed together share an index, and nobody may hear it before all of them. */
  #collect(changes: readonly Change[]): void {
    if (this.#touched.size === 0) queueMicrotask(() => this.#tell())
    for (const change of changes) for (const key of this.#instancesOf(change)) this.#touched.add(key)
  }

  #instancesOf(change: Change): readonly string[] {
    const { kind, key } = change
    if (kind === 'service') return [key]
    if (kind === 'node') return this.#allOn(key)
    if (kind !== 'check') return []
    const node = key.slice(0, key.indexOf('\n'))
    const owners = [this.#owners.get(key), change.body?.ServiceID].filter((owner) => owner !== undefined)
    if (change.body === null) this.#owners.delete(key)
    else this.#owners.set(key, change.body.ServiceID)
    return owners.flatMap((owner) => (owner === '' ? this.#allOn(node) : [onNode(node, owner)]))
  }

  #allOn(node: string): string[] {
    return [...this.#store.state.servicesOnNode.get(node).keys()].map((id) => onNode(node, id))
  }

  #tell(): void {
    const deltas = [...this.#touched].flatMap((key) => this.#deltas(key))
    this.#touched.clear()
    if (deltas.length > 0) for (const listener of this.#listeners) listener.hear(deltas)
  }

  /** Two when an ID has changed its service. */
  #deltas(key: string): Delta[] {
    const { state } = this.#store
    const before = this.#names.get(key)
    const service = state.services.get(key)
    const node = service && state.nodes.get(service.Node)
    const deltas = before !== undefined && before !== service?.Service ? [encode(before, key, null)] : []
    if (service === undefined || node === undefined) {
      this.#names.delete(key)
      return deltas
    }
    this.#names.set(key, service.Service)
    return [...deltas, encode(service.Service, key, this.#show({ node, service }))]
  }
}

function encode(service: string, key: string, Instance: object | null): Delta {
  const [Node, ID] = key.split('\n')
  return { service, node: Node!, json: encodeJson({ Service: service, Node, ID, Instance }) }
}
