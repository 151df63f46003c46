/** From what an author wrote to what the server uses. */
import type { HttpMethod, OperationType } from '../core/contract.ts'
import { fieldConverter, requiredArrays } from './convert.ts'
import { jsonSchemaOf } from './json-schema.ts'
import type { OperationDefinition, Prepared } from './operation.ts'

const MAX_BODY_BYTES = 1_048_576
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE'])

export interface Defaults {
  readonly maxBodyBytes?: number
  readonly timeoutMs?: number
}

/** @throws TypeError for an operation that was not made with `op()`. */
export function prepareOperations(
  operations: Readonly<Record<string, OperationType>>,
  defaults: Defaults,
): readonly Prepared[] {
  return Object.entries(operations).map(([name, operation]) => {
    const definition = (operation as { '~definition'?: OperationDefinition })['~definition']
    if (typeof definition?.handler !== 'function') throw new TypeError(`operation ${name}: make it with op()`)
    return prepare(name, definition, defaults)
  })
}

function prepare(name: string, definition: OperationDefinition, defaults: Defaults): Prepared {
  const route = definition.route ?? `POST /${name}`
  const space = route.indexOf(' ')
  const method = route.slice(0, space) as HttpMethod
  const path = route.slice(space + 1)
  const input = jsonSchemaOf(definition.in, 'input')
  return {
    name,
    route,
    method,
    path,
    params: [...path.matchAll(/:([^/]+)/g)].map((match) => match[1]!),
    in: definition.in,
    out: definition.out,
    input,
    output: jsonSchemaOf(definition.out, 'output'),
    convert: fieldConverter(input),
    arrays: requiredArrays(input),
    errors: definition.errors ?? {},
    idempotent: definition.idempotent ?? IDEMPOTENT.has(method),
    maxBodyBytes: definition.maxBodyBytes ?? defaults.maxBodyBytes ?? MAX_BODY_BYTES,
    timeoutMs: definition.timeoutMs ?? defaults.timeoutMs,
    priority: definition.priority,
    handler: definition.handler,
  }
}
