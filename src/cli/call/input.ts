/** The input of `skein call`: JSON, and fields given as options, converted as the operation's schema wants them. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { OperationContract } from '../../core/contract.ts'
import { nearest } from '../../core/issues.ts'
import { fieldConverter } from '../../service/convert.ts'
import { type JsonSchema, propertiesOf, requiredOf, typesOf } from '../../service/json-schema.ts'
import { type Context, UsageError } from '../command.ts'

/**
 * Undefined where nothing was given. A field given as an option stands above the same field in the JSON.
 * @throws UsageError for what cannot be right, by the schema.
 */
export function readInput(
  operation: OperationContract | undefined,
  data: string | undefined,
  extra: Context['extra'],
  cwd: string,
): unknown {
  const input = given(operation, data, extra, cwd)
  refuseMissing(schemaOf(operation), input)
  return input
}

function given(
  operation: OperationContract | undefined,
  data: string | undefined,
  extra: Context['extra'],
  cwd: string,
): unknown {
  const base = data === undefined ? undefined : parseData(data, cwd)
  if (extra.length === 0) return base
  if (base !== undefined && !isObject(base))
    throw new UsageError('--data is no object, so options cannot be added to it')
  refuseUnknownFields(schemaOf(operation), extra)
  refuseLoneFields(schemaOf(operation), extra)
  const texts = Map.groupBy(extra, ([name]) => name)
  const values = new Map([...texts].map(([name, pairs]) => [name, pairs.map(([, value]) => String(value))]))
  return { ...base, ...Object.fromEntries(fieldConverter(schemaOf(operation))(values)) }
}

/** Only where the schema says which fields there are, and lets in no others: a misspelt option would be lost without a word. */
function refuseUnknownFields(schema: JsonSchema | undefined, extra: Context['extra']): void {
  if (schema === undefined || ![undefined, false].includes(schema['additionalProperties'] as undefined)) return
  const known = [...propertiesOf(schema).keys()]
  const wrong = extra.find(([name]) => !known.includes(name))?.[0]
  if (wrong === undefined || known.length === 0) return
  const near = nearest(wrong, known)
  const way =
    near === undefined ? `the input has ${known.map((name) => `--${name}`).join(', ')}` : `did you mean --${near}?`
  throw new UsageError(`unknown option --${wrong}; ${way}`)
}

/** A field without a value is true, which only a boolean can be. */
function refuseLoneFields(schema: JsonSchema | undefined, extra: Context['extra']): void {
  const properties = schema && propertiesOf(schema)
  for (const [name, value] of extra) {
    const types = typesOf(properties?.get(name), schema ?? {})
    if (value === true && types.size > 0 && !types.has('boolean')) throw new UsageError(`--${name} needs a value`)
  }
}

function refuseMissing(schema: JsonSchema | undefined, input: unknown): void {
  if (schema === undefined || !isObject(input ?? {})) return
  const missing = [...requiredOf(schema)].filter((name) => !Object.hasOwn((input ?? {}) as object, name))
  if (missing.length > 0) throw new UsageError(`the input needs ${missing.map((name) => `--${name}`).join(' and ')}`)
}

/** JSON, or `@file` with JSON in it. */
function parseData(data: string, cwd: string): unknown {
  const text = data.startsWith('@') ? readFileSync(path.resolve(cwd, data.slice(1)), 'utf8') : data
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--data ${data}: ${(error as SyntaxError).message}`)
  }
}

function schemaOf(operation: OperationContract | undefined): JsonSchema | undefined {
  return isObject(operation?.input) ? operation.input : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
