/** Header fields that a route adds, replaces or takes away. */
import { type Check, either, fields, isRecord, listOf, mapOf, type Report, text } from '../check.ts'
import type { FieldEdits } from '../field-edits.ts'

export interface HeaderEditConfig {
  /** In place of what is there. */
  readonly set?: Readonly<Record<string, string>>
  /** Beside what is there. */
  readonly add?: Readonly<Record<string, string>>
  readonly remove?: readonly string[]
}

const EXAMPLE = '{ set: { "x-frame-options": "DENY" } }'
const NAME = /^[A-Za-z0-9!#$%&'*+.^`|~-]+$/
/** Framing and connection are the gateway's affair; the rest tells upstreams who asks, and Skein's parts what was said between them. */
const OURS =
  /^(connection|content-length|expect|forwarded|host|keep-alive|proxy-.*|te|trailer|traceparent|tracestate|transfer-encoding|upgrade|x-forwarded-.*|x-real-ip|x-request-id|x-skein-.*)$/i

/** Why a rule may not write a field of this name; undefined when it may. */
export function nameProblem(name: string): string | undefined {
  if (!NAME.test(name)) return `"${name}" is not a header name`
  return OURS.test(name) ? `the gateway itself writes ${name.toLowerCase()}` : undefined
}

/** Plain ASCII, no control characters. */
export function isFieldValue(value: unknown): value is string {
  return typeof value === 'string' && /^[\t\x20-\x7e]*$/.test(value)
}

const values: Check = (value, report, context) => {
  mapOf((one, inner) => {
    if (!isFieldValue(one)) inner('is not a header value', 'Write plain ASCII text.')
  }, '{ "x-name": "value" }')(value, report, context)
  for (const name of isRecord(value) ? Object.keys(value) : []) refuseName(name, report)
}

function refuseName(name: string, report: Report): void {
  const problem = nameProblem(name)
  if (problem !== undefined) report(problem, 'Leave it out.', `.${name}`)
}

export const checkHeaderEdits: Check = either(
  [false],
  fields({ set: values, add: values, remove: listOf(text('x-powered-by', nameProblem), '["x-powered-by"]') }, EXAMPLE),
)

export function applyEdits({ set = {}, add = {}, remove = [] }: HeaderEditConfig, edits: FieldEdits): void {
  for (const name of remove) edits.remove(name.toLowerCase())
  for (const [name, value] of Object.entries(set)) edits.replace(name.toLowerCase(), value)
  for (const [name, value] of Object.entries(add)) edits.add(name.toLowerCase(), value)
}
