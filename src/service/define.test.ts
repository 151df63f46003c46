// biome-ignore-all lint/suspicious/noThenProperty: what happens to an operation of that name
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as z from 'zod'
import { ConfigError } from '../core/issues.ts'
import { type Operation, op, type ServiceOptions, service } from './define.ts'
import { isServable } from './servable.ts'

const ok = op({}, () => 1)
const Id = z.object({ id: z.string() })

function issuesOf(name: string, operations: Record<string, Operation>, options?: ServiceOptions): string[] {
  try {
    service(name, operations, options)
    return []
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.issues.map(({ file, key, message }) => `${file}: ${key}: ${message}`)
  }
}

describe('a definition', () => {
  test('that is right is servable and carries its contract', () => {
    const users = service('users', {
      get: op({ route: 'GET /user/:id', in: Id, errors: { NotFound: 404 } }, () => 1),
      ok,
    })
    assert.ok(isServable(users))
    assert.deepEqual(Object.keys(users['~app'].contract!.operations), ['get', 'ok'])
    assert.equal(users['~app'].contract!.operations['ok']!.path, '/ok')
    assert.equal(users['~app'].contract!.operations['ok']!.idempotent, false)
    assert.equal(users['~app'].contract!.operations['get']!.idempotent, true)
  })

  const mistakes: [string, string[], string][] = [
    [
      'a service name that is no host name',
      issuesOf('Users_1', { ok }),
      'service Users_1: name: "Users_1" cannot be a host name',
    ],
    ['an operation name', issuesOf('a', { 'get-it': ok }), 'service a: get-it: an operation cannot have this name'],
    [
      'an operation named then',
      issuesOf('a', { then: ok }),
      'service a: then: JavaScript gives this name a meaning of its own',
    ],
    [
      'no path',
      issuesOf('a', { x: op({ route: 'GET x' as 'GET /x' }, () => 1) }),
      'service a: x.route: "GET x" is not a route',
    ],
    [
      'a method',
      issuesOf('a', { x: op({ route: 'LIST /x' as 'GET /x' }, () => 1) }),
      'service a: x.route: "LIST /x" is not a route',
    ],
    [
      'a pattern',
      issuesOf('a', { x: op({ route: 'GET /x/:id(\\d+)', in: Id }, () => 1) }),
      'service a: x.route: "/x/:id(\\d+)" is not a path',
    ],
    [
      'a wildcard',
      issuesOf('a', { x: op({ route: 'GET /x/*' }, () => 1) }),
      'service a: x.route: "/x/*" is not a path',
    ],
    [
      'a trailing slash',
      issuesOf('a', { x: op({ route: 'GET /x/' }, () => 1) }),
      'service a: x.route: "/x/" is not a path',
    ],
    [
      'a reserved path',
      issuesOf('a', { x: op({ route: 'GET /metrics' }, () => 1) }),
      'service a: x.route: /metrics is reserved',
    ],
    [
      'a parameter without schema',
      issuesOf('a', { x: op({ route: 'GET /x/:id' }, () => 1) }),
      "service a: x.in: nothing takes the route's :id",
    ],
    [
      'a parameter without field',
      issuesOf('a', { x: op({ route: 'GET /x/:ip', in: Id }, () => 1) }),
      "service a: x.in: it has no field for the route's :ip",
    ],
    [
      'a parameter twice',
      issuesOf('a', { x: op({ route: 'GET /:id/:id', in: Id }, () => 1) }),
      'service a: x.route: a parameter stands twice',
    ],
    [
      'the same route under other names',
      issuesOf('a', {
        x: op({ route: 'GET /:id', in: Id }, () => 1),
        y: op({ route: 'GET /:n', in: z.object({ n: z.string() }) }, () => 1),
      }),
      'service a: y.route: GET /:n is the route of x already',
    ],
    [
      'an error status',
      issuesOf('a', { x: op({ errors: { Fine: 200 } }, () => 1) }),
      'service a: x.errors.Fine: 200 is not a status of an error',
    ],
    [
      'a body limit',
      issuesOf('a', { ok }, { maxBodyBytes: -1 }),
      'service a: options.maxBodyBytes: -1 is not a number of bytes',
    ],
    [
      'a time limit',
      issuesOf('a', { x: op({ timeoutMs: 0 }, () => 1) }),
      'service a: x.timeoutMs: 0 is not a time in ms',
    ],
  ]
  for (const [name, found, wanted] of mistakes) {
    test(`is refused for ${name}, naming service and operation`, () =>
      assert.ok(found.includes(wanted), found.join('\n')))
  }

  test('with three mistakes reports three', () => {
    const found = issuesOf('A', { then: op({ errors: { x: 1 } }, () => 1) })
    assert.equal(found.length, 3, found.join('\n'))
  })

  test('takes only what op() made', () => {
    const notMade = { handler: () => 1 } as never
    assert.throws(() => service('a', { x: notMade }), /operation x: make it with op\(\)/)
  })

  test('gives the same hash whatever the order in which its operations are written', () => {
    const get = op({ route: 'GET /:id', in: Id }, () => 1)
    const one = service('a', { get, ok })['~app'].contract!
    const two = service('a', { ok, get })['~app'].contract!
    const other = service('a', { get, ok: op({ idempotent: true }, () => 1) })['~app'].contract!
    assert.equal(one.hash, two.hash)
    assert.match(one.hash, /^[0-9a-f]{16}$/)
    assert.notEqual(one.hash, other.hash)
  })
})
