/**
 * Which route a request takes. Pure.
 *
 * Of all routes whose conditions hold, the best by the precedence of the Gateway API's HTTPRoute wins: host (exact, then
 * longest wildcard, then any), path (exact, then longest prefix by segment; a fixed segment before a parameter), then
 * routes that name the method, more header, cookie and query conditions, and at last the order in the file.
 * There are no regular expressions: their rank is undefined everywhere and their cost is the attacker's choice.
 */
import { cookieOf } from '../core/cookie.ts'
import { headerValues, type RawHeaders } from '../core/headers.ts'
import type { RouteConfig } from './contract.ts'
import { isParameter } from './route-syntax.ts'

export interface RouteRequest {
  readonly method: string
  /** As `normaliseHost` gives it. */
  readonly host: string
  /** Without query, starting with `/`; `*` (of OPTIONS) matches no route. */
  readonly path: string
  /** Without `?`. */
  readonly query: string
  readonly headers: RawHeaders
}

type Condition = readonly [name: string, value: string | true]

/** A route taken apart for matching. */
export interface Route {
  readonly config: RouteConfig
  readonly name: string
  /** Place in the file, from 0. */
  readonly order: number
  /** Lower case; undefined = any. */
  readonly host: string | undefined
  /** Of the path, without the final `*`; `:name` is a parameter. */
  readonly segments: readonly string[]
  readonly prefix: boolean
  readonly methods: ReadonlySet<string> | undefined
  readonly headers: readonly Condition[]
  readonly query: readonly Condition[]
  readonly cookies: readonly Condition[]
}

export interface RouteMatch<R extends Route = Route> {
  readonly route: R
  /** Values of the path's parameters, as they stand in the path. */
  readonly params: Readonly<Record<string, string>>
}

/** Takes a checked route apart. */
export function parseRoute(config: RouteConfig, order: number): Route {
  const path = config.path ?? '/*'
  const prefix = path.endsWith('/*')
  return {
    config,
    name: config.name ?? `${config.host ?? ''}${path} → ${placeOf(config)}`,
    order,
    host: config.host?.toLowerCase(),
    segments: prefix ? path.slice(1).split('/').slice(0, -1) : path.slice(1).split('/'),
    prefix,
    methods: config.methods === undefined ? undefined : new Set(config.methods.map((method) => method.toUpperCase())),
    headers: Object.entries(config.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    query: Object.entries(config.query ?? {}),
    cookies: Object.entries(config.cookies ?? {}),
  }
}

/** `users`, `users or users-next`, `redirect`. */
export function placeOf({ to, split }: RouteConfig): string {
  return to ?? (split === undefined ? 'redirect' : Object.keys(split.to).join(' or '))
}

/** Routes that share a path stand at the same node, best first. */
interface PathNode<R> {
  readonly fixed: Map<string, PathNode<R>>
  parameter: PathNode<R> | undefined
  readonly exact: R[]
  readonly prefix: R[]
}

/** All routes, by host, then by path segment. Matching costs by the length of the path, not by the number of routes. */
export class RouteTable<R extends Route = Route> {
  readonly routes: readonly R[]
  readonly #hosts = new Map<string | undefined, PathNode<R>>()
  readonly #namesHosts: boolean
  /** Segments; -1 = there is no prefix route. */
  readonly #longestPrefix: number

  constructor(routes: readonly R[]) {
    this.routes = [...routes].sort(compareRoutes)
    this.#namesHosts = routes.some(({ host }) => host !== undefined)
    this.#longestPrefix = routes.reduce(
      (max, { prefix, segments }) => (prefix ? Math.max(max, segments.length) : max),
      -1,
    )
    for (const route of this.routes) {
      const node = nodeFor(this.#root(route.host), route.segments)
      const list = route.prefix ? node.prefix : node.exact
      list.push(route)
    }
  }

  match(request: RouteRequest): RouteMatch<R> | undefined {
    if (request.path === '*') return undefined
    const segments = request.path.slice(1).split('/')
    if (!this.#namesHosts) return this.#matchFor(undefined, segments, request)
    for (const host of hostKeys(request.host)) {
      const match = this.#matchFor(host, segments, request)
      if (match !== undefined) return match
    }
    return undefined
  }

  /** All whose host and path fit, whatever else they ask for. */
  *placed({ host, path }: Pick<RouteRequest, 'host' | 'path'>): Generator<RouteMatch<R>, void> {
    const segments = path.slice(1).split('/')
    for (const key of path === '*' ? [] : hostKeys(host)) {
      const root = this.#hosts.get(key)
      for (const route of root === undefined ? [] : placedBelow(root, segments, 0)) {
        yield { route, params: paramsOf(route, segments) }
      }
    }
  }

  #matchFor(host: string | undefined, segments: readonly string[], request: RouteRequest): RouteMatch<R> | undefined {
    const root = this.#hosts.get(host)
    if (root === undefined) return undefined
    const route =
      find(root, 'exact', { segments, request, end: segments.length }, 0) ?? this.#prefix(root, segments, request)
    return route && { route, params: paramsOf(route, segments) }
  }

  /** Longest first. */
  #prefix(root: PathNode<R>, segments: readonly string[], request: RouteRequest): R | undefined {
    for (let end = Math.min(segments.length, this.#longestPrefix); end >= 0; end--) {
      const route = find(root, 'prefix', { segments, request, end }, 0)
      if (route !== undefined) return route
    }
    return undefined
  }

  #root(host: string | undefined): PathNode<R> {
    const known = this.#hosts.get(host)
    if (known !== undefined) return known
    const root = emptyNode<R>()
    this.#hosts.set(host, root)
    return root
  }
}

/** The host's own name, then its wildcards from long to short, then any. */
function* hostKeys(host: string): Generator<string | undefined> {
  yield host
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) yield `*${host.slice(dot)}`
  yield undefined
}

function emptyNode<R>(): PathNode<R> {
  return { fixed: new Map(), parameter: undefined, exact: [], prefix: [] }
}

function nodeFor<R>(root: PathNode<R>, segments: readonly string[]): PathNode<R> {
  let node = root
  for (const segment of segments) {
    let next = isParameter(segment) ? node.parameter : node.fixed.get(segment)
    if (next === undefined) {
      next = emptyNode<R>()
      if (isParameter(segment)) node.parameter = next
      else node.fixed.set(segment, next)
    }
    node = next
  }
  return node
}

interface Search {
  readonly segments: readonly string[]
  readonly request: RouteRequest
  /** How many segments the routes looked for have. */
  readonly end: number
}

/** The first of the routes with `end` segments that fits; a fixed segment comes before a parameter, which takes no empty one. */
function find<R extends Route>(
  node: PathNode<R>,
  kind: 'exact' | 'prefix',
  search: Search,
  depth: number,
): R | undefined {
  if (depth === search.end) return fitting(node[kind], search.request)
  const segment = search.segments[depth]!
  const fixed = node.fixed.get(segment)
  const found = fixed && find(fixed, kind, search, depth + 1)
  if (found !== undefined || node.parameter === undefined || segment === '') return found
  return find(node.parameter, kind, search, depth + 1)
}

function* placedBelow<R extends Route>(
  node: PathNode<R>,
  segments: readonly string[],
  depth: number,
): Generator<R, void> {
  yield* node.prefix
  if (depth === segments.length) return yield* node.exact
  const segment = segments[depth]!
  const fixed = node.fixed.get(segment)
  if (fixed !== undefined) yield* placedBelow(fixed, segments, depth + 1)
  if (node.parameter !== undefined && segment !== '') yield* placedBelow(node.parameter, segments, depth + 1)
}

function fitting<R extends Route>(routes: readonly R[], request: RouteRequest): R | undefined {
  for (const route of routes) if (conditionMismatch(route, request) === undefined) return route
  return undefined
}

function paramsOf(route: Route, segments: readonly string[]): Readonly<Record<string, string>> {
  if (!route.segments.some(isParameter)) return NO_PARAMS
  const params: Record<string, string> = Object.create(null)
  route.segments.forEach((segment, i) => {
    if (isParameter(segment)) params[segment.slice(1)] = segments[i]!
  })
  return params
}

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

/** Why host or path keep `route` from matching; undefined when both fit. */
export function placeMismatch(route: Route, request: RouteRequest): string | undefined {
  if (route.host !== undefined && !hostFits(route.host, request.host)) {
    return `host ${request.host || '(none)'} is not ${route.host}`
  }
  const segments = request.path.slice(1).split('/')
  const long = route.prefix ? segments.length >= route.segments.length : segments.length === route.segments.length
  const fits =
    request.path !== '*' &&
    long &&
    route.segments.every((rule, i) => (isParameter(rule) ? segments[i] !== '' : rule === segments[i]))
  return fits ? undefined : `path ${request.path} does not match ${route.config.path ?? '/*'}`
}

function hostFits(rule: string, host: string): boolean {
  return rule.startsWith('*') ? host.endsWith(rule.slice(1)) && host.length >= rule.length : rule === host
}

/** Why method, headers, cookies or query keep `route` from matching; undefined when all fit. */
export function conditionMismatch(route: Route, request: RouteRequest): string | undefined {
  if (route.methods !== undefined && !route.methods.has(request.method)) {
    return `method ${request.method} is not ${[...route.methods].join(' or ')}`
  }
  for (const [name, wanted] of route.headers) {
    const values = headerValues(request.headers, name)
    const problem = mismatch(`header ${name}`, wanted, values.length === 0 ? undefined : values.join(', '))
    if (problem !== undefined) return problem
  }
  for (const [name, wanted] of route.cookies) {
    const problem = mismatch(`cookie ${name}`, wanted, cookieOf(request.headers, name))
    if (problem !== undefined) return problem
  }
  if (route.query.length === 0) return undefined
  const query = new URLSearchParams(request.query)
  for (const [name, wanted] of route.query) {
    const problem = mismatch(`query ${name}`, wanted, query.get(name) ?? undefined)
    if (problem !== undefined) return problem
  }
  return undefined
}

function mismatch(what: string, wanted: string | true, value: string | undefined): string | undefined {
  if (value === undefined) return `${what} is absent`
  return wanted === true || wanted === value ? undefined : `${what} is not "${wanted}"`
}

/** The precedence, strongest first; negative = the first of the two comes first. `why` completes "it wins because …". */
export const PRECEDENCE: readonly { readonly why: string; readonly compare: (a: Route, b: Route) => number }[] = [
  { why: 'its host is exact', compare: (a, b) => hostRank(b) - hostRank(a) },
  { why: 'its host is longer', compare: (a, b) => (b.host?.length ?? 0) - (a.host?.length ?? 0) },
  { why: 'an exact path comes before a prefix', compare: (a, b) => Number(a.prefix) - Number(b.prefix) },
  { why: 'its path is longer', compare: (a, b) => b.segments.length - a.segments.length },
  { why: 'a fixed segment comes before a parameter', compare: compareSegments },
  { why: 'it names the method', compare: (a, b) => Number(b.methods !== undefined) - Number(a.methods !== undefined) },
  { why: 'it has more header conditions', compare: (a, b) => b.headers.length - a.headers.length },
  { why: 'it has more cookie conditions', compare: (a, b) => b.cookies.length - a.cookies.length },
  { why: 'it has more query conditions', compare: (a, b) => b.query.length - a.query.length },
  { why: 'it stands first in the file', compare: (a, b) => a.order - b.order },
]

function hostRank({ host }: Route): number {
  if (host === undefined) return 0
  return host.startsWith('*') ? 1 : 2
}

function compareSegments(a: Route, b: Route): number {
  for (let i = 0; i < Math.min(a.segments.length, b.segments.length); i++) {
    const difference = Number(isParameter(a.segments[i]!)) - Number(isParameter(b.segments[i]!))
    if (difference !== 0) return difference
  }
  return 0
}

function compareRoutes(a: Route, b: Route): number {
  for (const { compare } of PRECEDENCE) {
    const difference = compare(a, b)
    if (difference !== 0) return difference
  }
  return 0
}
