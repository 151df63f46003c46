import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as z from 'zod'
import { op, service } from './define.ts'
import { isSchema } from './json-schema.ts'
import { openApi } from './openapi.ts'

const Node = z.object({
  name: z.string(),
  get children() {
    return z.array(Node)
  },
})
const Zip = z.string().meta({ id: 'Zip' })

const tree = service('tree', {
  get: op(
    {
      route: 'GET /tree/:id/:part',
      in: z.object({ id: z.int(), part: z.string(), depth: z.int().optional(), tags: z.array(z.string()) }),
      out: Node,
      errors: { NotFound: 404, Gone: 410, Hidden: 404 },
    },
    () => ({ name: 'a', children: [] }),
  ),
  put: op({ route: 'PUT /tree/:id', in: z.object({ id: z.string(), home: Zip, work: Zip }) }, () => 1),
  add: op({ in: Node }, () => 1),
  when: op({ in: z.object({ at: z.date(), n: z.number() }), idempotent: true }, () => 1),
  ping: op({}, () => 'pong'),
})
const contract = tree['~app'].contract!
type Node = Record<string, never>
const document = openApi(contract, '1.0.0') as Record<string, Node>
const operation = (path: string, method: string) =>
  document['paths']![path]![method] as unknown as Record<string, unknown>

test('a contract says method, path, idempotence, schemas and errors', () => {
  const { method, path, idempotent, errors, input } = contract.operations['get']!
  assert.deepEqual(
    [method, path, idempotent, errors],
    ['GET', '/tree/:id/:part', true, { NotFound: 404, Gone: 410, Hidden: 404 }],
  )
  assert.deepEqual(Object.keys((input as { properties: object }).properties), ['id', 'part', 'depth', 'tags'])
  assert.equal(contract.operations['when']!.idempotent, true)
  assert.deepEqual(Object.keys(contract.operations['ping']!), ['method', 'path', 'idempotent', 'errors'])
})

test('a field that JSON Schema cannot say leaves the others said', () => {
  assert.deepEqual((contract.operations['when']!.input as { properties: object }).properties, {
    at: {},
    n: { type: 'number' },
  })
})

describe('OpenAPI', () => {
  test('names each operation once, with its parameters where they go', () => {
    const parameters = operation('/tree/{id}/{part}', 'get')['parameters'] as {
      name: string
      in: string
      required: boolean
    }[]
    assert.deepEqual(
      parameters.map((one) => [one.name, one.in, one.required]),
      [
        ['id', 'path', true],
        ['part', 'path', true],
        ['depth', 'query', false],
        ['tags', 'query', true],
      ],
    )
  })

  test('puts the other fields into the body, those of the path left out', () => {
    const { content } = operation('/tree/{id}', 'put')['requestBody'] as { content: Record<string, { schema: Node }> }
    const schema = content['application/json']!.schema
    assert.deepEqual(
      [Object.keys(schema['properties']!), schema['required']],
      [
        ['home', 'work'],
        ['home', 'work'],
      ],
    )
    assert.equal(operation('/ping', 'post')['requestBody'], undefined)
  })

  test('groups declared errors by status', () => {
    const responses = operation('/tree/{id}/{part}', 'get')['responses'] as Record<string, { description: string }>
    assert.deepEqual(Object.keys(responses), ['200', '404', '410', 'default'])
    assert.equal(responses['404']!.description, 'NotFound, Hidden')
  })

  test('has no reference that leads nowhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!)
    assert.ok(references.length > 5)
    for (const reference of references) assert.ok(isSchema(follow(reference)), reference)
  })

  function follow(reference: string): unknown {
    let found: unknown = document
    for (const part of reference.split('/').slice(1)) found = isSchema(found) ? found[part] : undefined
    return found
  }
})
