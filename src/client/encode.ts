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

/** @throws SkeinError INVALID_INPUT when a path parameter is missing or cannot stand in a path. */
export function encodeInput(operation: OperationContract, input: unknown): EncodedInput {
  const inQuery = ['GET', 'HEAD', 'DELETE'].includes(operation.method)
  const plain = isPlainObject(input)
  const rest: Record<string, unknown> = plain ? { ...input } : {}
  const path = operation.path.replaceAll(/:([A-Za-z_]\w*)/g, (_, name: string) => {
    const value = rest[name]
    delete rest[name]
    return pathSegment(operation, name, value)
  })
  if (inQuery) return { path: path + queryOf(rest), body: undefined }
  const content = plain ? rest : input
  return { path, body: content === undefined ? undefined : JSON.stringify(content) }
}

/** Dots are not encoded by any URL rule, and a segment `..` means another path to whoever reads it. */
function pathSegment({ method, path }: OperationContract, name: string, value: unknown): string {
  const usable = ['string', 'number', 'boolean', 'bigint'].includes(typeof value)
  const text = usable ? String(value) : ''
  if (text !== '' && text !== '.' && text !== '..') return encodeURIComponent(text)
  const message = `${method} ${path}: "${name}" must be a text or number that can stand in a path, found ${JSON.stringify(value)}`
  throw new SkeinError('INVALID_INPUT', message, { issues: [{ path: [name], message }] })
}

function queryOf(fields: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
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
