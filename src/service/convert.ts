/**
 * Texts of path and query become what the input's JSON Schema declares, so that `z.number()` works in a GET. A text that does
 * not fit stays a text, and validation says what is wrong with it. Without a JSON Schema everything stays text.
 */
import { parseJson } from './json.ts'
import { alternatives, type JsonSchema, propertiesOf, requiredOf, typesOf } from './json-schema.ts'

/** Texts by field name, as they stood in path and query. */
export type Texts = ReadonlyMap<string, readonly string[]>
export type Convert = (texts: Texts) => Map<string, unknown>
type ConvertField = (texts: readonly string[]) => unknown

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** One text is itself, several are an array. */
const untyped = (values: readonly unknown[]): unknown => (values.length === 1 ? values[0] : values)

export function fieldConverter(schema: JsonSchema | undefined): Convert {
  const fields = new Map<string, ConvertField>()
  for (const [name, property] of schema === undefined ? [] : propertiesOf(schema)) {
    fields.set(name, convertField(property, schema!))
  }
  return (texts) => {
    const converted = new Map<string, unknown>()
    for (const [name, values] of texts) converted.set(name, (fields.get(name) ?? untyped)(values))
    return converted
  }
}

/** See `Prepared.arrays`. */
export function requiredArrays(schema: JsonSchema | undefined): string[] {
  if (schema === undefined) return []
  const properties = propertiesOf(schema)
  return [...requiredOf(schema)].filter((name) => [...typesOf(properties.get(name), schema)].join() === 'array')
}

function convertField(property: JsonSchema, root: JsonSchema): ConvertField {
  const types = typesOf(property, root)
  if (!types.has('array')) {
    return (texts) => untyped(texts.map((text) => convertText(text, types)))
  }
  const itemTypes = new Set<string>()
  for (const part of alternatives(property, root)) {
    for (const type of typesOf(part['items'], root)) itemTypes.add(type)
  }
  types.delete('array')
  types.delete('null')
  // `string | string[]`: one text is the string. Only an array: one text is its only item.
  return (texts) =>
    texts.length === 1 && types.size > 0
      ? convertText(texts[0]!, types)
      : texts.map((text) => convertText(text, itemTypes))
}

function convertText(text: string, types: ReadonlySet<string>): unknown {
  if (types.has('string') || types.size === 0) return text
  if ((types.has('number') || types.has('integer')) && NUMBER.test(text)) return Number(text)
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  if (types.has('null') && text === 'null') return null
  if ((types.has('object') && text.startsWith('{')) || (types.has('array') && text.startsWith('['))) {
    return parseJson(text)
  }
  return text
}
