/** JSON Schema (draft 2020-12) out of a Standard Schema, where its library can give it, and the little reading of it we need. */
import type { StandardJSONSchemaV1 } from '@standard-schema/spec'
import type { Schema } from '../core/contract.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** References may be circular; a schema that needs more than this many hops to say its type says none. */
const HOPS_MAX = 16

/** Undefined when there is no schema, its library has no JSON Schema, or this one cannot be written as such (a Date). */
export function jsonSchemaOf(schema: Schema | undefined, side: 'input' | 'output'): JsonSchema | undefined {
  const standard = (schema as Partial<StandardJSONSchemaV1> | undefined)?.['~standard']
  if (standard?.jsonSchema === undefined) return undefined
  try {
    const { $schema: _, ...rest } = standard.jsonSchema[side]({ target: 'draft-2020-12', ...lenient(standard.vendor) })
    return rest
  } catch {
    // The specification says that it may throw. Validation works all the same; only documentation and conversion lack it.
    return undefined
  }
}

/** One Date must not cost the JSON Schema of all the other fields: zod leaves it open when told to. */
function lenient(vendor: string): { libraryOptions?: Record<string, unknown> } {
  return vendor === 'zod' ? { libraryOptions: { unrepresentable: 'any' } } : {}
}

/** The schema itself and all that it is made of by reference, anyOf, oneOf and allOf, references resolved. */
export function* alternatives(schema: unknown, root: JsonSchema, hops = 0): Generator<JsonSchema> {
  if (!isSchema(schema) || hops > HOPS_MAX) return
  yield schema
  if (typeof schema['$ref'] === 'string') yield* alternatives(resolve(schema['$ref'], root), root, hops + 1)
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    const parts = schema[key]
    if (Array.isArray(parts)) for (const part of parts) yield* alternatives(part, root, hops + 1)
  }
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `#`, or `#/$defs/User`: references inside the same schema, the only ones that generators make. */
function resolve(reference: string, root: JsonSchema): unknown {
  if (!reference.startsWith('#')) return undefined
  let found: unknown = root
  for (const part of reference.slice(1).split('/').slice(1)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    found = isSchema(found) ? found[key] : undefined
  }
  return found
}

/** JSON types that a schema admits; empty when it does not say. */
export function typesOf(schema: unknown, root: JsonSchema): Set<string> {
  const types = new Set<string>()
  for (const part of alternatives(schema, root)) {
    for (const type of [part['type']].flat()) if (typeof type === 'string') types.add(type)
    const values = Array.isArray(part['enum']) ? part['enum'] : 'const' in part ? [part['const']] : []
    for (const value of values) types.add(value === null ? 'null' : typeof value)
  }
  return types
}

/** The properties that a schema names, each with all schemas given for it. */
export function propertiesOf(schema: JsonSchema): Map<string, JsonSchema> {
  const found = new Map<string, JsonSchema>()
  for (const part of alternatives(schema, schema)) {
    for (const [name, property] of Object.entries(isSchema(part['properties']) ? part['properties'] : {})) {
      const before = found.get(name)
      if (isSchema(property)) found.set(name, before === undefined ? property : { anyOf: [before, property] })
    }
  }
  return found
}

/** Names that must be there, whatever alternative is taken: those of the schema itself. */
export function requiredOf(schema: JsonSchema): ReadonlySet<string> {
  return new Set(Array.isArray(schema['required']) ? (schema['required'] as string[]) : [])
}
