/** The input of `skein call`: JSON, and fields given as options, converted as the operation's schema wants them. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { OperationContract } from '../../core/contract.ts'
import { fieldConverter } from '../../service/convert.ts'
import type { JsonSchema } from '../../service/json-schema.ts'
import { type Context, UsageError } from '../command.ts'

/** Undefined where nothing was given. A field given as an option stands above the same field in the JSON. */
export function readInput(
  operation: OperationContract | undefined,
  data: string | undefined,
  extra: Context['extra'],
  cwd: string,
): unknown {
  const base = data === undefined ? undefined : parseData(data, cwd)
  if (extra.length === 0) return base
  if (base !== undefined && !isObject(base))
    throw new UsageError('--data is no object, so options cannot be added to it')
  const texts = Map.groupBy(extra, ([name]) => name)
  const values = new Map([...texts].map(([name, pairs]) => [name, pairs.map(([, value]) => String(value))]))
  return { ...base, ...Object.fromEntries(fieldConverter(schemaOf(operation))(values)) }
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
