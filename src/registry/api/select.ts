/** Which instances and checks a query means: tags, node metadata, health, order. */

import type { Sight } from '../acl/sight.ts'
import type { Fields } from '../filter/fields.ts'
import { createFilter, type Filter } from '../filter/filter.ts'
import type { CheckRecord, NodeRecord, ServiceRecord } from '../state/records.ts'
import { onNode } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import type { State } from '../state/state.ts'
import type { ApiRequest, Registry } from './endpoint.ts'
import type { QueryString } from './query-string.ts'

export interface Found {
  readonly node: NodeRecord
  readonly service: ServiceRecord
}

/** Instances of a service that may be seen and have the tags and node metadata asked for, by node and ID, the near node's first. */
export function selectInstances(registry: Registry, name: string, query: QueryString, sight: Sight): Found[] {
  const { state } = registry.store
  const tags = query.all('tag').filter((tag) => tag !== '')
  const meta = nodeMeta(query)
  const found: Found[] = []
  for (const service of state.instances.get(name).values()) {
    const node = state.nodes.get(service.Node)
    if (node === undefined || !hasTags(service, tags) || !hasMeta(node, meta)) continue
    if (sight.instance(node.Node, name)) found.push({ node, service })
  }
  return found.sort(byPlace(near(registry, query)))
}

/** The checks of an instance and of its node, by check ID. */
export function checksOf(state: State, { node, service }: Found): CheckRecord[] {
  const own = state.instanceChecks.get(onNode(node.Node, service.ID)).values()
  return [...state.nodeChecks.get(node.Node).values(), ...own].sort(byCheckId)
}

export const byCheckId = (a: CheckRecord, b: CheckRecord) => order(a.CheckID, b.CheckID)

export const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

function byPlace(nearest: string | undefined) {
  const rank = (node: string) => (node === nearest ? 0 : 1)
  return (a: Found, b: Found) =>
    rank(a.node.Node) - rank(b.node.Node) || order(a.node.Node, b.node.Node) || order(a.service.ID, b.service.ID)
}

/** Round-trip times are all alike here: `near` only puts the named node first. */
export function near(registry: Registry, query: QueryString): string | undefined {
  const name = query.get('near')
  return name === '_agent' ? registry.node : name
}

/** Tags match without regard to case. */
function hasTags(service: ServiceRecord, tags: readonly string[]): boolean {
  if (tags.length === 0) return true
  const present = new Set(service.Tags.map((tag) => tag.toLowerCase()))
  return tags.every((tag) => present.has(tag.toLowerCase()))
}

/** `node-meta=key:value`, repeated. */
export function nodeMeta(query: QueryString): readonly [string, string][] {
  return query.all('node-meta').map((pair) => {
    const colon = pair.indexOf(':')
    return colon < 0 ? [pair, ''] : [pair.slice(0, colon), pair.slice(colon + 1)]
  })
}

export function hasMeta(node: NodeRecord | undefined, wanted: readonly [string, string][]): boolean {
  return wanted.every(([key, value]) => node?.Meta?.[key] === value)
}

/** `?passing`: absent = false, empty = true. */
export function onlyPassing(query: QueryString): boolean {
  const value = query.get('passing')
  if (value === undefined) return false
  if (value === '') return true
  const passing = query.bool('passing')
  if (passing === undefined) throw new Refusal(400, 'Invalid value for ?passing')
  return passing
}

const ALL: Filter = () => true

/** `?filter`, over the objects of one answer; without one everything passes. */
export function filterOf({ query }: ApiRequest, fields: Fields): () => Filter {
  const filter = query.get('filter') ?? ''
  return filter === '' ? () => ALL : createFilter(filter, fields)
}
