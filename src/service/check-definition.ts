/** All mistakes of a definition at once, each with its service and operation. */
import { ConfigError, IssueList } from '../core/issues.ts'
import { PRIORITIES, priorityIn } from '../core/priority.ts'
import { type Environment, SETTINGS } from '../core/settings.ts'
import { alternatives, type JsonSchema, propertiesOf, typesOf } from './json-schema.ts'
import { isLimit, type LimitConfig } from './limit/limits.ts'
import type { Prepared } from './operation.ts'

/** A DNS label, so that `http://users/` and `users.service.consul` work. */
const SERVICE_NAME = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const OPERATION_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
/** What JavaScript itself asks any object for: `await client` would call an operation named `then`. */
const TAKEN: ReadonlySet<string> = new Set(['then', 'constructor', 'toString', 'toJSON', 'valueOf', 'prototype'])
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
const SEGMENT = /^(?:[A-Za-z0-9._~-]+|:[A-Za-z][A-Za-z0-9_]*)$/
const RESERVED: ReadonlySet<string> = new Set(['/health/live', '/health/ready', '/metrics', '/openapi.json'])
const ERROR_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/

interface Limits {
  readonly maxBodyBytes?: number
  readonly timeoutMs?: number
  readonly limit?: LimitConfig
}

/** @throws ConfigError */
export function checkDefinition(service: string, operations: readonly Prepared[], options: Limits): void {
  const issues = new IssueList(`service ${service}`)
  checkServiceName(service, issues)
  checkLimits('options', options, issues)
  checkLimit('options.limit', options.limit, issues)
  for (const operation of operations) {
    checkName(operation, issues)
    checkRoute(operation, issues)
    checkParams(operation, issues)
    checkErrors(operation, issues)
    checkLimits(operation.name, operation, issues)
    checkPriority(operation, issues)
  }
  checkDuplicates(operations, issues)
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
}

export function checkServiceName(service: string, issues: IssueList): void {
  if (SERVICE_NAME.test(service)) return
  issues.add('name', `"${service}" cannot be a host name`, 'Use up to 63 of a-z, 0-9 and -, beginning with a letter')
}

function checkName({ name }: Prepared, issues: IssueList): void {
  if (!OPERATION_NAME.test(name)) issues.add(name, 'an operation cannot have this name', 'Use letters, digits and _')
  else if (TAKEN.has(name)) issues.add(name, 'JavaScript gives this name a meaning of its own', 'Choose another')
}

function checkRoute({ name, route, method, path }: Prepared, issues: IssueList): void {
  const key = `${name}.route`
  const segments = path.slice(1).split('/')
  if (!METHODS.has(method) || !path.startsWith('/')) {
    issues.add(key, `"${route}" is not a route`, `Write a method (${[...METHODS].join(', ')}), a space and a path`)
  } else if (path !== '/' && !segments.every((segment) => SEGMENT.test(segment))) {
    const fix = 'Use segments of letters, digits, . _ ~ - or whole :names; no trailing slash, no patterns'
    issues.add(key, `"${path}" is not a path`, fix)
  } else if (RESERVED.has(path)) {
    issues.add(key, `${path} is reserved`, 'Every service answers it itself; choose another path')
  }
}

function checkParams(operation: Prepared, issues: IssueList): void {
  const { name, params, input } = operation
  if (new Set(params).size < params.length) issues.add(`${name}.route`, 'a parameter stands twice', 'Rename one')
  for (const param of new Set(params)) {
    if (operation.in === undefined) {
      issues.add(`${name}.in`, `nothing takes the route's :${param}`, `Give a schema with the field "${param}"`)
    } else if (input !== undefined && !mayHave(input, param)) {
      issues.add(`${name}.in`, `it has no field for the route's :${param}`, `Add the field "${param}"`)
    }
  }
}

/** True unless the schema is an object that names its fields and this is none of them. */
function mayHave(schema: JsonSchema, field: string): boolean {
  const properties = propertiesOf(schema)
  const open = [...alternatives(schema, schema)].some((part) => typeof part['additionalProperties'] === 'object')
  return open || properties.has(field) || !typesOf(schema, schema).has('object')
}

function checkErrors({ name, errors }: Prepared, issues: IssueList): void {
  for (const [code, status] of Object.entries(errors)) {
    const key = `${name}.errors.${code}`
    if (!ERROR_NAME.test(code)) issues.add(key, 'an error cannot have this name', 'Use letters, digits and _')
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      issues.add(key, `${status} is not a status of an error`, 'Use 400 to 599')
    }
  }
}

function checkLimits(key: string, { maxBodyBytes, timeoutMs }: Limits | Prepared, issues: IssueList): void {
  if (maxBodyBytes !== undefined && !(Number.isSafeInteger(maxBodyBytes) && maxBodyBytes >= 0)) {
    issues.add(`${key}.maxBodyBytes`, `${maxBodyBytes} is not a number of bytes`, 'Use a whole number from 0')
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= 86_400_000)) {
    issues.add(`${key}.timeoutMs`, `${timeoutMs} is not a time in ms`, 'Use more than 0 and at most a day')
  }
}

/** The limit that whoever starts the service asks for: in code, else SKEIN_LIMIT. Undefined: as the service says. @throws ConfigError. */
export function limitOf(asked: LimitConfig | undefined, env: Environment): LimitConfig | undefined {
  const issues = new IssueList('settings')
  const text = env[SETTINGS.limit] || undefined
  const limit = asked ?? (text === 'off' ? false : /^\d+$/.test(text ?? '') ? Number(text) : text)
  checkLimit(asked === undefined ? SETTINGS.limit : 'limit', limit, issues)
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  return limit as LimitConfig | undefined
}

export function checkLimit(key: string, limit: unknown, issues: IssueList): void {
  if (limit === undefined || isLimit(limit)) return
  issues.add(
    key,
    `${String(limit)} is no limit`,
    `Use 'adaptive', a whole number from 1, or ${key === SETTINGS.limit ? 'off' : 'false'} for none`,
  )
}

function checkPriority({ name, priority }: Prepared, issues: IssueList): void {
  if (priority === undefined || priorityIn(priority) !== undefined) return
  issues.add(`${name}.priority`, `"${priority}" is no priority`, `Use one of ${PRIORITIES.join(', ')}`)
}

/** Two routes are the same when they differ in the names of their parameters only. */
function checkDuplicates(operations: readonly Prepared[], issues: IssueList): void {
  const seen = new Map<string, string>()
  for (const { name, method, path } of operations) {
    const shape = `${method} ${path.replace(/:[^/]+/g, ':')}`
    const other = seen.get(shape)
    if (other === undefined) seen.set(shape, name)
    else issues.add(`${name}.route`, `${method} ${path} is the route of ${other} already`, 'Change one of them')
  }
}
