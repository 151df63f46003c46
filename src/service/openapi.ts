/** OpenAPI 3.1 from a contract: its schemas are JSON Schema 2020-12, so they go in as they are. */
import type { OperationContract, ServiceContract } from '../core/contract.ts'
import { isSchema, type JsonSchema, propertiesOf, requiredOf } from './json-schema.ts'

type Json = Record<string, unknown>

const ERROR_SCHEMA: Json = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string' }, message: { type: 'string' } },
      additionalProperties: true,
    },
  },
}
const ERROR_CONTENT = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } }

export function openApi(contract: ServiceContract, version = '0.0.0'): Json {
  const schemas: Json = { Error: ERROR_SCHEMA }
  const paths: Record<string, Json> = {}
  for (const [name, operation] of Object.entries(contract.operations)) {
    const path = operation.path.replace(/:([^/]+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describeOperation(name, operation, schemas) }
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: { title: contract.service, version, 'x-skein-contract': contract.hash },
    paths,
    components: { schemas },
  }
}

function describeOperation(name: string, operation: OperationContract, schemas: Json): Json {
  const input = addSchema(schemas, `${name}Input`, operation.input)
  const output = addSchema(schemas, `${name}Output`, operation.output)
  return {
    operationId: name,
    ...describeInput(operation, input),
    responses: { ...success(output), ...failures(operation) },
  }
}

/** Puts a schema among the components and points its own references there. Returns it, or undefined when there is none. */
function addSchema(schemas: Json, name: string, schema: unknown): { $ref: string; schema: JsonSchema } | undefined {
  if (!isSchema(schema)) return undefined
  const $ref = `#/components/schemas/${name}`
  schemas[name] = relocate(schema, $ref)
  return { $ref, schema: schemas[name] as JsonSchema }
}

/** `#/$defs/User` inside a schema means its own root, which is another one in the document. */
function relocate(value: unknown, base: string): unknown {
  if (Array.isArray(value)) return value.map((item) => relocate(item, base))
  if (!isSchema(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      key === '$ref' && typeof part === 'string' && part.startsWith('#') ? base + part.slice(1) : relocate(part, base),
    ]),
  )
}

/** Path parameters; the rest as query where the method has no body, else as body. */
function describeInput({ method, path }: OperationContract, input: ReturnType<typeof addSchema>): Json {
  const inPath = [...path.matchAll(/:([^/]+)/g)].map((match) => match[1]!)
  const properties = input === undefined ? new Map<string, JsonSchema>() : propertiesOf(input.schema)
  const required = input === undefined ? new Set<string>() : requiredOf(input.schema)
  const describe = (name: string, place: 'path' | 'query'): Json => ({
    name,
    in: place,
    required: place === 'path' || required.has(name),
    schema: properties.get(name) ?? { type: 'string' },
  })
  const parameters = inPath.map((name) => describe(name, 'path'))
  const rest = [...properties.keys()].filter((name) => !inPath.includes(name))
  if (method === 'GET' || method === 'HEAD' || method === 'DELETE') {
    return { parameters: [...parameters, ...rest.map((name) => describe(name, 'query'))] }
  }
  if (input === undefined || (properties.size > 0 && rest.length === 0)) return { parameters }
  const schema = inPath.length === 0 ? { $ref: input.$ref } : bodyWithout(input.schema, inPath)
  return { parameters, requestBody: { required: true, content: { 'application/json': { schema } } } }
}

/** The input's schema without the fields that stand in the path. */
function bodyWithout(schema: JsonSchema, inPath: readonly string[]): Json {
  const properties = Object.entries(isSchema(schema['properties']) ? schema['properties'] : {})
  return {
    ...schema,
    properties: Object.fromEntries(properties.filter(([name]) => !inPath.includes(name))),
    required: [...requiredOf(schema)].filter((name) => !inPath.includes(name)),
  }
}

function success(output: ReturnType<typeof addSchema>): Json {
  if (output === undefined) return { 200: { description: 'OK' }, 204: { description: 'No result' } }
  return { 200: { description: 'OK', content: { 'application/json': { schema: { $ref: output.$ref } } } } }
}

function failures({ errors }: OperationContract): Json {
  const byStatus = Object.groupBy(Object.entries(errors), ([, status]) => String(status))
  const declared = Object.entries(byStatus).map(([status, codes = []]) => [
    status,
    { description: codes.map(([code]) => code).join(', '), content: ERROR_CONTENT },
  ])
  return { ...Object.fromEntries(declared), default: { description: "Skein's own errors", content: ERROR_CONTENT } }
}
