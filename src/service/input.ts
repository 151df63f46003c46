/** One input out of path, query and body, converted, joined and validated. */
import { SkeinError } from '../core/errors.ts'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { checkKey, parseJson } from './json.ts'
import type { Prepared } from './operation.ts'
import { type InputIssue, issuesOf } from './validate.ts'

type Params = Readonly<Record<string, string | undefined>>

/** @throws SkeinError INVALID_INPUT, BAD_REQUEST, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, CANCELLED, DEADLINE_EXCEEDED */
export async function readInput(exchange: Exchange, operation: Prepared, params: Params): Promise<unknown> {
  const text = await readBody(exchange, operation.maxBodyBytes)
  const body = text === undefined ? undefined : parseJson(text)
  if (operation.in === undefined) return undefined
  const input = join(operation, readTexts(operation, params, exchange.query), body)
  const checked = await operation.in['~standard'].validate(input)
  if (checked.issues === undefined) return checked.value
  throw invalidInput(operation, issuesOf(checked.issues))
}

function readTexts(operation: Prepared, params: Params, query: string): Map<string, string[]> {
  const texts = new Map<string, string[]>()
  for (const [name, value] of Object.entries(params)) if (value !== undefined) texts.set(name, [value])
  if (query === '') return texts
  for (const [name, value] of new URLSearchParams(query)) {
    if (name in params) throw twice(operation, name, 'in the path and in the query')
    const values = texts.get(name)
    if (values === undefined) texts.set(name, [value])
    else values.push(value)
  }
  return texts
}

/** Nothing wins silently: a field in two places is a mistake or an attack. */
function join(operation: Prepared, texts: ReadonlyMap<string, readonly string[]>, body: unknown): unknown {
  if (texts.size === 0 && body !== undefined) return body
  if (body !== undefined && !isObject(body)) throw new SkeinError('BAD_REQUEST', 'the body is not a JSON object')
  const input: Record<string, unknown> = { ...body }
  for (const [name, value] of operation.convert(texts)) {
    checkKey(name)
    if (Object.hasOwn(input, name)) throw twice(operation, name, 'in the body and in path or query')
    input[name] = value
  }
  // A query cannot say "empty list" but by saying nothing.
  if (body === undefined) for (const name of operation.arrays) input[name] ??= []
  return input
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function twice(operation: Prepared, path: string, where: string): SkeinError {
  return invalidInput(operation, [{ path, message: `given twice: ${where}` }])
}

function invalidInput({ name }: Prepared, issues: readonly InputIssue[]): SkeinError {
  const first = issues[0]!
  const place = first.path === '' ? '' : `${first.path}: `
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  return new SkeinError('INVALID_INPUT', `input of ${name}: ${place}${first.message}${more}`, { issues })
}
