/** What a prepared query finds: one function for HTTP and for DNS. Pure. */
import { parseDuration } from './api/duration.ts'
import { checksOf, type Found, order } from './api/select.ts'
import type { QueryRecord, TextMap } from './state/records.ts'
import type { State } from './state/state.ts'

/** By ID, or by name whatever its case; else the template with the longest prefix of the name, filled in. */
export function findQuery(state: State, idOrName: string): QueryRecord | undefined {
  const wanted = idOrName.toLowerCase()
  const exact = state.queries.get(wanted) ?? state.queries.get(state.queryNames.get(wanted) ?? '')
  if (exact !== undefined && exact.Template === undefined) return exact
  const template = exact?.ID === wanted ? undefined : templateFor(state, wanted)
  return template && filledIn(template, idOrName)
}

function templateFor(state: State, name: string): QueryRecord | undefined {
  let longest: QueryRecord | undefined
  for (const query of state.queries.values()) {
    if (query.Template === undefined || !name.startsWith(query.Name.toLowerCase())) continue
    if (longest === undefined || query.Name.length > longest.Name.length) longest = query
  }
  return longest
}

const FIELD = /\$\{(name\.(?:full|prefix|suffix))\}/g

function filledIn(query: QueryRecord, name: string): QueryRecord {
  const { Service, Near, Tags } = query.Service
  const fields: TextMap = {
    'name.full': name,
    'name.prefix': query.Name,
    'name.suffix': name.slice(query.Name.length),
  }
  const fill = (text: string) => text.replaceAll(FIELD, (_all, field: string) => fields[field]!)
  const tags = Tags?.map(fill).filter((tag) => tag !== '' || query.Template?.RemoveEmptyTags !== true) ?? null
  return { ...query, Service: { ...query.Service, Service: fill(Service), Near: fill(Near), Tags: tags } }
}

/** Something to fill in that is not understood: a part of a regular expression's match, a segment. */
export function unknownField(text: string): string | undefined {
  return /\$\{[^}]*\}?/.exec(text.replaceAll(FIELD, ''))?.[0]
}

/** By node and ID. There is no mesh here, so that a query for its proxies finds none. */
export function runQuery(state: State, { Service: wanted }: QueryRecord, passing = wanted.OnlyPassing): Found[] {
  if (wanted.Connect) return []
  const found: Found[] = []
  for (const service of state.instances.get(wanted.Service).values()) {
    const node = state.nodes.get(service.Node)
    if (node === undefined || !hasTags(service.Tags, wanted.Tags ?? [])) continue
    if (!includes(node.Meta, wanted.NodeMeta) || !includes(service.Meta, wanted.ServiceMeta)) continue
    if (isHealthy(state, { node, service }, passing, wanted.IgnoreCheckIDs ?? [])) found.push({ node, service })
  }
  return found.sort((a, b) => order(a.node.Node, b.node.Node) || order(a.service.ID, b.service.ID))
}

/** `!tag` = must not have it. Without regard to case. */
function hasTags(tags: readonly string[], wanted: readonly string[]): boolean {
  const present = new Set(tags.map((tag) => tag.toLowerCase()))
  return wanted.every((tag) =>
    tag.startsWith('!') ? !present.has(tag.slice(1).toLowerCase()) : present.has(tag.toLowerCase()),
  )
}

function includes(meta: TextMap | null, wanted: TextMap | null): boolean {
  return Object.entries(wanted ?? {}).every(([key, value]) => meta?.[key] === value)
}

function isHealthy(state: State, found: Found, passing: boolean, ignored: readonly string[]): boolean {
  const checks = checksOf(state, found).filter(({ CheckID }) => !ignored.includes(CheckID))
  return checks.every(({ Status }) => Status === 'passing' || (Status === 'warning' && !passing))
}

/** Of its DNS records, in seconds. */
export function ttlOf({ DNS }: QueryRecord): number {
  return DNS.TTL === '' ? 0 : Math.floor(parseDuration(DNS.TTL) / 1000)
}
