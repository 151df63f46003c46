/**
 * Checks what the user wrote. Every mistake is reported, none stops the search for the next; the check of each key is one
 * line of a table, and what is in no table is an unknown key.
 */
import { checkBalance } from '../balance/policies.ts'
import { type IssueList, nearest } from '../core/issues.ts'
import { checkRange } from './address.ts'
import type { GatewayConfig, RouteConfig } from './contract.ts'
import { METHODS } from './head.ts'
import { checkHost, checkPath, paramNames } from './route-syntax.ts'

/** Says what is wrong with the value under one key, and what to write instead. */
type Report = (message: string, fix: string, subkey?: string) => void
type Check = (value: unknown, report: Report, context: Context) => void

interface Context {
  readonly services: readonly string[] | undefined
}

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
  checkKeys(value, GATEWAY_CHECKS, issues, key, context)
  if (Array.isArray(value['routes'])) checkRoutes(value['routes'], issues, join(key, 'routes'), context)
}

function checkKeys(
  value: Record<string, unknown>,
  checks: Readonly<Record<string, Check>>,
  issues: IssueList,
  key: string,
  context: Context,
): void {
  for (const [name, part] of Object.entries(value)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (check === undefined) issues.add(join(key, name), 'unknown key', suggestion(name, Object.keys(checks)))
    else if (part !== undefined) {
      check(part, (message, fix, subkey = '') => issues.add(join(key, name) + subkey, message, fix), context)
    }
  }
}

const GATEWAY_CHECKS: Readonly<Record<keyof GatewayConfig, Check>> = {
  port: wholeNumber(0, 65_535),
  host: (value, report) => {
    if (typeof value !== 'string' || value === '') report('is not an address', 'Write one, such as "127.0.0.1".')
  },
  routes: (value, report) => {
    if (!Array.isArray(value)) report('is not a list', 'Write `[{ path: "/*", to: "…" }]`.')
    else if (value.length === 0) report('is empty', 'List at least one route.')
  },
  trustedProxies: (value, report) => {
    if (!Array.isArray(value)) return report('is not a list', 'Write addresses or ranges, such as ["10.0.0.0/8"].')
    value.forEach((range, i) => {
      const problem = typeof range === 'string' ? checkRange(range) : 'is not a string'
      if (problem !== undefined) report(problem, 'Write it like "10.1.2.3" or "10.0.0.0/8".', `[${i}]`)
    })
  },
}

const ROUTE_CHECKS: Readonly<Record<keyof RouteConfig, Check>> = {
  name: (value, report) => {
    if (typeof value !== 'string' || value === '') report('is not a name', 'Write a short text, or leave it out.')
  },
  host: syntax(checkHost),
  path: syntax(checkPath),
  methods: (value, report) => {
    if (!Array.isArray(value) || value.length === 0) return report('is not a list of methods', 'Write ["GET", "POST"].')
    value.forEach((method, i) => {
      if (typeof method === 'string' && METHODS.has(method.toUpperCase())) return
      report(`unknown method ${JSON.stringify(method)}`, suggestion(String(method).toUpperCase(), METHODS), `[${i}]`)
    })
  },
  headers: conditions('{ "x-version": "2" }'),
  query: conditions('{ version: "2" }'),
  to: (value, report, { services }) => {
    if (typeof value !== 'string' || value === '')
      return report('is not a service name', 'Write the name of a service.')
    if (services === undefined || services.includes(value)) return
    report(`no service "${value}"`, suggestion(value, services))
  },
  balance: (value, report) => {
    const problem = checkBalance(value)
    if (problem !== undefined) report(problem, 'See docs/balancing.md for the policies and their options.')
  },
  timeoutMs: wholeNumber(1),
  attemptTimeoutMs: wholeNumber(1),
  attempts: wholeNumber(1, 10),
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
  if (route['to'] === undefined) issues.add(`${key}.to`, 'is missing', 'Write the name of the service to send to.')
  checkKeys(route, ROUTE_CHECKS, issues, key, context)
  checkTogether(route, issues, key)
}

/** Mistakes that lie between two keys of a route. */
function checkTogether(route: Record<string, unknown>, issues: IssueList, key: string): void {
  const { timeoutMs, attemptTimeoutMs, path, balance } = route
  if (typeof timeoutMs === 'number' && typeof attemptTimeoutMs === 'number' && attemptTimeoutMs > timeoutMs) {
    issues.add(`${key}.attemptTimeoutMs`, `longer than timeoutMs (${timeoutMs})`, 'Make it shorter, or leave it out.')
  }
  const on = isRecord(balance) && typeof balance['on'] === 'string' ? balance['on'] : ''
  if (!on.startsWith('param:')) return
  const names = paramNames(typeof path === 'string' ? path : '/*')
  const wanted = on.slice('param:'.length)
  if (!names.includes(wanted)) {
    issues.add(`${key}.balance.on`, `the path has no ":${wanted}"`, `Write it into the path, as in "/user/:${wanted}".`)
  }
}

const nameOf = (route: Record<string, unknown>) => (typeof route['name'] === 'string' ? route['name'] : undefined)

function conditionsOf(route: Record<string, unknown>): string {
  const { host, path, methods, headers, query } = route
  const sorted = (value: unknown) => (isRecord(value) ? Object.entries(value).sort() : value)
  const shape = typeof path === 'string' ? path.replace(/:[^/]+/g, ':') : '/*'
  return JSON.stringify([
    host,
    shape,
    Array.isArray(methods) ? [...methods].sort() : null,
    sorted(headers),
    sorted(query),
  ])
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

function syntax(check: (text: string) => readonly [message: string, fix: string] | undefined): Check {
  return (value, report) => {
    const problem = typeof value === 'string' ? check(value) : (['is not a string', 'Write it in quotes.'] as const)
    if (problem !== undefined) report(...problem)
  }
}

function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): Check {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return (value, report) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return
    report(`${JSON.stringify(value)} is out of range`, `Write a whole number ${range}.`)
  }
}

function yesOrNo(value: unknown, report: Report): void {
  if (typeof value !== 'boolean') report(`${JSON.stringify(value)} is neither true nor false`, 'Write true or false.')
}

function conditions(example: string): Check {
  return (value, report) => {
    if (!isRecord(value)) return report('is not an object', `Write it like ${example}.`)
    for (const [name, wanted] of Object.entries(value)) {
      if (typeof wanted === 'string' || wanted === true) continue
      report(`${JSON.stringify(wanted)} is neither a text nor true`, `Write it like ${example}.`, `.${name}`)
    }
  }
}

function suggestion(wrong: string, known: Iterable<string>): string {
  const near = nearest(wrong, known)
  return near === undefined ? `Use one of: ${[...known].join(', ')}.` : `Did you mean "${near}"?`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function join(key: string, name: string): string {
  return key === '' ? name : `${key}.${name}`
}
