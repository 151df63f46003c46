/**
 * An operation's input as an HTTP request. Path parameters are filled from the fields of their names. The remaining fields
 * go into the query of GET, HEAD and DELETE: a string as it is, numbers and booleans by String(), an array as the same
 * name repeated, an object (and null) as JSON; with other methods into a JSON body. Undefined is left out.
 */
import type { OperationContract } from '../core/contract.ts'
import { SkeinError } from '../core/errors.ts'

export interface EncodedInput {
  /** With query. */
  readonly path: string
  /** JSON text. */
  readonly body: string | undefined
}

/** @throws SkeinError INVALID_INPUT when a path parameter is missing or cannot stand in a path, or what is given is no JSON. */
export function encodeInput(operation: OperationContract, input: unknown): EncodedInput {
  try {
    return encoded(operation, input)
  } catch (cause) {
    if (cause instanceof SkeinError) throw cause
    // A BigInt, an object that holds itself, half of a character.
    const { message: why } = cause as Error
    const message = `${operation.method} ${operation.path}: the input cannot be sent: ${why}`
    throw new SkeinError('INVALID_INPUT', message, { issues: [{ path: '', message: why }] }, cause)
  }
}

function encoded(operation: OperationContract, input: unknown): EncodedInput {
  const { texts, names, inQuery } = templateOf(operation)
  const fields = isPlainObject(input) ? input : undefined
  let path = texts[0]!
  for (let i = 0; i < names.length; i++) path += pathSegment(operation, names[i]!, fields?.[names[i]!]) + texts[i + 1]!
  const rest = fields && without(fields, names)
  if (inQuery) return { path: rest === undefined ? path : path + queryOf(rest), body: undefined }
  const content = rest ?? input
  return { path, body: content === undefined ? undefined : JSON.stringify(content) }
}

/** An operation's path taken apart: text, parameter, text, … */
interface Template {
  readonly texts: readonly string[]
  readonly names: readonly string[]
  readonly inQuery: boolean
}

const templates = new WeakMap<OperationContract, Template>()

function templateOf(operation: OperationContract): Template {
  let template = templates.get(operation)
  if (template === undefined) {
    const parts = operation.path.split(/:([A-Za-z_]\w*)/)
    template = {
      texts: parts.filter((_, i) => i % 2 === 0),
      names: parts.filter((_, i) => i % 2 === 1),
      inQuery: ['GET', 'HEAD', 'DELETE'].includes(operation.method),
    }
    templates.set(operation, template)
  }
  return template
}

function without(fields: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  if (names.length === 0) return fields
  // Not by assignment: a field of the name `__proto__` would not become one.
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)))
}

const USABLE: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'bigint'])

/** Dots are not encoded by any URL rule, and a segment `..` means another path to whoever reads it. */
function pathSegment({ method, path }: OperationContract, name: string, value: unknown): string {
  const text = USABLE.has(typeof value) ? String(value) : ''
  if (text !== '' && text !== '.' && text !== '..') return encodeURIComponent(text)
  const message = `${method} ${path}: "${name}" must be a text or number that can stand in a path, found ${JSON.stringify(value)}`
  throw new SkeinError('INVALID_INPUT', message, { issues: [{ path: [name], message }] })
}

function queryOf(fields: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(fields)
  if (names.length === 0) return ''
  const query = new URLSearchParams()
  for (const name of names) {
    const value = fields[name]
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (one !== undefined) query.append(name, asText(one))
    }
  }
  return query.size === 0 ? '' : `?${query}`
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
