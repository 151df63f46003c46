/** Checks what the user wrote, key by key, and what lies between keys. */
import { checkBalance } from '../balance/policies.ts'
import { checkBulkhead, checkCircuit } from '../client/guard-policy.ts'
import { checkHedge } from '../client/hedge-policy.ts'
import { PROTOCOL_NAMES, protocolOf } from '../client/protocol.ts'
import type { IssueList } from '../core/issues.ts'
import { checkRange } from './address.ts'
import {
  type Checks,
  type Context,
  checkKeys,
  conditions,
  either,
  fields,
  isRecord,
  listOf,
  oneOf,
  reportTo,
  serviceName,
  suggestion,
  syntax,
  text,
  wholeNumber,
  yesOrNo,
} from './check.ts'
import type { GatewayConfig, RouteConfig } from './contract.ts'
import { METHODS } from './head.ts'
import { checkRedis } from './redis/config.ts'
import { checkHost, checkPath, paramNames } from './route-syntax.ts'
import { checkRedirect, checkRewrite } from './rule/location.ts'
import { checkMirror } from './rule/mirror.ts'
import { checkLogins } from './rule/oidc.ts'
import { checkSplit } from './rule/split.ts'
import { RULE_CHECKS } from './rules.ts'
import { checkTls } from './tls.ts'
import { checkUpstreamTls } from './upstream-tls.ts'

/** Reports all mistakes of `value`, a gateway's configuration that stands under `key`. */
export function checkGatewayConfig(
  value: unknown,
  issues: IssueList,
  key: string,
  knownServices?: Iterable<string>,
): void {
  const context: Context = { services: knownServices === undefined ? undefined : [...knownServices] }
  if (!isRecord(value)) {
    issues.add(key, 'is not an object', 'Write `{ routes: [{ path: "/*", to: "…" }] }`.')
    return
  }
  if (value['routes'] === undefined) issues.add(join(key, 'routes'), 'is missing', 'List at least one route.')
  checkKeys(value, GATEWAY_CHECKS, reportTo(issues, key), context)
  if (!Array.isArray(value['routes'])) return
  checkRoutes(value['routes'], issues, join(key, 'routes'), context)
  checkLogins(value['routes'], value['defaults'], reportTo(issues, join(key, 'routes')))
}

/** More than this are a slip of the hand: each is a process. */
const WORKERS_MAX = 256

const checkAddress = text('10.0.0.0/8', checkRange)

const GATEWAY_CHECKS: Checks<GatewayConfig> = {
  port: wholeNumber(0, 65_535),
  host: text('127.0.0.1'),
  routes: (value, report) => {
    if (!Array.isArray(value)) report('is not a list', 'Write `[{ path: "/*", to: "…" }]`.')
    else if (value.length === 0) report('is empty', 'List at least one route.')
  },
  trustedProxies: listOf(checkAddress, '["10.0.0.0/8"]'),
  tls: checkTls,
  redis: checkRedis,
  workers: either(['auto'], wholeNumber(1, WORKERS_MAX)),
  defaults: fields(RULE_CHECKS, '{ rateLimit: { requests: 100, seconds: 60 } }'),
}

const ROUTE_CHECKS: Checks<RouteConfig> = {
  ...RULE_CHECKS,
  name: text('orders'),
  host: syntax(checkHost),
  path: syntax(checkPath),
  methods: (value, report) => {
    if (!Array.isArray(value) || value.length === 0) return report('is not a list of methods', 'Write ["GET", "POST"].')
    value.forEach((method, i) => {
      if (typeof method === 'string' && METHODS.has(method.toUpperCase())) return
      const wrong = typeof method === 'string' ? method.toUpperCase() : ''
      report(`unknown method ${JSON.stringify(method)}`, suggestion(wrong, METHODS), `[${i}]`)
    })
  },
  headers: conditions('{ "x-version": "2" }'),
  cookies: conditions('{ beta: "1" }'),
  query: conditions('{ version: "2" }'),
  to: serviceName,
  split: checkSplit,
  mirror: checkMirror,
  redirect: checkRedirect,
  rewrite: checkRewrite,
  balance: (value, report) => {
    const problem = checkBalance(value)
    if (problem !== undefined) report(problem, 'See docs/balancing.md for the policies and their options.')
  },
  timeoutMs: wholeNumber(1),
  attemptTimeoutMs: wholeNumber(1),
  attempts: wholeNumber(1, 10),
  hedge: (value, report) => {
    const problem = checkHedge(value)
    if (problem !== undefined) report(problem, 'Write it like { delayMs: "p95" }.')
  },
  bulkhead: (value, report) => {
    const problem = checkBulkhead(value)
    if (problem !== undefined) report(problem, 'Write it like { calls: 100, queue: 10 }.')
  },
  circuit: (value, report) => {
    const problem = checkCircuit(value)
    if (problem !== undefined)
      report(problem, 'Write it like { failureShare: 0.5, openMs: 5000 }, or {} for the defaults.')
  },
  idempotent: yesOrNo,
  protocol: oneOf(PROTOCOL_NAMES),
  upstreamTls: checkUpstreamTls,
  maxBodyBytes: wholeNumber(0),
  websocket: yesOrNo,
  preserveHost: yesOrNo,
}

function checkRoutes(routes: readonly unknown[], issues: IssueList, key: string, context: Context): void {
  for (const [i, route] of routes.entries()) checkRoute(route, issues, `${key}[${i}]`, context)
  reportRepeats(routes, nameOf, (i, first) =>
    issues.add(`${key}[${i}].name`, `the same name as route ${first}`, 'Give each route a name of its own.'),
  )
  reportRepeats(routes, conditionsOf, (i, first) =>
    issues.add(
      `${key}[${i}]`,
      `never reached: route ${first} has the same conditions`,
      'Remove one, or tell them apart.',
    ),
  )
}

function checkRoute(route: unknown, issues: IssueList, key: string, context: Context): void {
  if (!isRecord(route)) {
    issues.add(key, 'is not an object', 'Write `{ path: "/*", to: "…" }`.')
    return
  }
  if (PLACES.every((name) => route[name] === undefined)) {
    issues.add(`${key}.to`, 'is missing', 'Write the name of the service to send to.')
  }
  checkKeys(route, ROUTE_CHECKS, reportTo(issues, key), context)
  checkTogether(route, issues, key)
}

/** Where a request may go: exactly one of them. */
const PLACES = ['to', 'split', 'redirect'] as const

/** Mistakes that lie between two keys of a route. */
function checkTogether(route: Record<string, unknown>, issues: IssueList, key: string): void {
  const { timeoutMs, attemptTimeoutMs, path, balance, protocol, upstreamTls } = route
  if (typeof timeoutMs === 'number' && typeof attemptTimeoutMs === 'number' && attemptTimeoutMs > timeoutMs) {
    issues.add(`${key}.attemptTimeoutMs`, `longer than timeoutMs (${timeoutMs})`, 'Make it shorter, or leave it out.')
  }
  const isKnown = typeof protocol === 'string' && PROTOCOL_NAMES.includes(protocol)
  if (upstreamTls !== undefined && isKnown && protocolOf(protocol) !== 'h2') {
    issues.add(`${key}.upstreamTls`, `has no effect: ${protocol} is without TLS`, 'Write protocol: "h2" or "grpcs".')
  }
  const [place, ...others] = PLACES.filter((name) => route[name] !== undefined)
  for (const other of others) issues.add(`${key}.${other}`, `stands beside ${place}`, 'Keep one of the two.')
  if (place === 'redirect') reportIdle(route, issues, key)
  for (const name of ['redirect', 'rewrite']) checkPathChange(route[name], path, issues, `${key}.${name}`)
  const on = isRecord(balance) && typeof balance['on'] === 'string' ? balance['on'] : ''
  if (on.startsWith('param:')) checkParams([on.slice('param:'.length)], path, issues, `${key}.balance.on`)
}

/** What stands below a redirect in route-pipeline.ts: it never comes to that. */
const BELOW_REDIRECT: readonly (keyof RouteConfig)[] = [
  ...(['rateLimit', 'auth', 'steps', 'rewrite', 'cache', 'compress', 'mirror', 'balance', 'timeoutMs'] as const),
  ...(['attemptTimeoutMs', 'attempts', 'hedge', 'bulkhead', 'circuit', 'idempotent', 'protocol'] as const),
  ...(['upstreamTls', 'maxBodyBytes', 'websocket', 'preserveHost'] as const),
]

function reportIdle(route: Record<string, unknown>, issues: IssueList, key: string): void {
  for (const name of BELOW_REDIRECT) {
    if (!route[name]) continue
    issues.add(`${key}.${name}`, 'has no effect: the redirect is answered before', 'Leave it out.')
  }
}

function checkPathChange(change: unknown, path: unknown, issues: IssueList, key: string): void {
  if (!isRecord(change)) return
  for (const name of ['path', 'prefix']) {
    const text = change[name]
    if (typeof text === 'string') checkParams(paramNames(text), path, issues, `${key}.${name}`)
  }
  if (change['prefix'] !== undefined && typeof path === 'string' && !path.endsWith('/*')) {
    issues.add(`${key}.prefix`, `the route's path "${path}" is no prefix`, 'End it in /*, or change "path".')
  }
}

function checkParams(wanted: readonly string[], path: unknown, issues: IssueList, key: string): void {
  const names = paramNames(typeof path === 'string' ? path : '/*')
  for (const name of wanted.filter((one) => !names.includes(one))) {
    issues.add(key, `the path has no ":${name}"`, `Write it into the path, as in "/user/:${name}".`)
  }
}

const nameOf = (route: Record<string, unknown>) => (typeof route['name'] === 'string' ? route['name'] : undefined)

/** The same text for two routes that take the same requests. What is of a wrong type is reported elsewhere. */
function conditionsOf({ host, path, methods, headers, cookies, query }: Record<string, unknown>): string {
  const shape = typeof path === 'string' ? path.replace(/:[^/]+/g, ':') : '/*'
  const names = Array.isArray(methods) ? methods.filter((one) => typeof one === 'string') : undefined
  return JSON.stringify([
    typeof host === 'string' ? host.toLowerCase() : null,
    shape,
    names && [...new Set(names.map((one) => one.toUpperCase()))].sort(),
    sorted(headers, (name) => name.toLowerCase()),
    sorted(cookies),
    sorted(query),
  ])
}

function sorted(conditions: unknown, written = (name: string) => name): unknown {
  if (!isRecord(conditions)) return null
  const entries = Object.entries(conditions).map(([name, value]) => [written(name), value] as const)
  return entries.sort(([a], [b]) => (a < b ? -1 : 1))
}

function reportRepeats(
  routes: readonly unknown[],
  keyOf: (route: Record<string, unknown>) => string | undefined,
  report: (index: number, first: number) => void,
): void {
  const firsts = new Map<string, number>()
  routes.forEach((route, i) => {
    const key = isRecord(route) ? keyOf(route) : undefined
    const first = key === undefined ? undefined : firsts.get(key)
    if (first !== undefined) report(i, first)
    else if (key !== undefined) firsts.set(key, i)
  })
}

function join(key: string, name: string): string {
  return key === '' ? name : `${key}.${name}`
}
