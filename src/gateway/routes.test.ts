import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { below, seeded } from '../core/random.ts'
import type { RouteConfig } from './contract.ts'
import { explain } from './explain.ts'
import { parseRoute, placeMismatch, type RouteRequest, RouteTable } from './routes.ts'

const table = (...configs: Partial<RouteConfig>[]) =>
  new RouteTable(configs.map((config, i) => parseRoute({ to: 's', name: String(i), ...config }, i)))

const ask = (request: Partial<RouteRequest>): RouteRequest => ({
  method: 'GET',
  host: 'example.com',
  path: '/',
  query: '',
  headers: [],
  ...request,
})

type Case = readonly [request: Partial<RouteRequest>, taken: string | undefined]

/** Every case of a table is decided twice: by the index, and by looking at every route. */
function cases(what: string, routes: Partial<RouteConfig>[], list: readonly Case[]): void {
  describe(what, () => {
    const routeTable = table(...routes)
    for (const [request, taken] of list) {
      test(`${JSON.stringify(request)} → ${taken}`, () => {
        assert.equal(routeTable.match(ask(request))?.route.name, taken)
        assert.equal(explain(routeTable.routes, ask(request)).route?.name, taken)
      })
    }
  })
}

cases(
  'host: exact, then the longest wildcard, then any',
  [
    { name: 'any' },
    { name: 'wide', host: '*.example.com' },
    { name: 'deep', host: '*.b.example.com' },
    { name: 'exact', host: 'a.b.Example.com' },
  ],
  [
    [{ host: 'a.b.example.com' }, 'exact'],
    [{ host: 'c.b.example.com' }, 'deep'],
    [{ host: 'b.example.com' }, 'wide'],
    [{ host: 'x.y.example.com' }, 'wide'],
    [{ host: 'example.com' }, 'any'],
    [{ host: 'notexample.com' }, 'any'],
    [{ host: 'a.b.example.com.evil.org' }, 'any'],
    [{ host: '' }, 'any'],
  ],
)

cases(
  'host comes before path, but a host whose paths do not match gives way',
  [
    { name: 'path', path: '/a/b' },
    { name: 'host', host: 'h.com', path: '/a/*' },
    { name: 'rest', path: '/*' },
  ],
  [
    [{ host: 'h.com', path: '/a/b' }, 'host'],
    [{ host: 'h.com', path: '/z' }, 'rest'],
    [{ host: 'i.com', path: '/a/b' }, 'path'],
  ],
)

cases(
  'path: exact, then the longest prefix by segment',
  [
    { name: 'root', path: '/*' },
    { name: 'abc', path: '/abc/*' },
    { name: 'abc/def', path: '/abc/def/*' },
    { name: 'exact', path: '/abc' },
  ],
  [
    [{ path: '/abc' }, 'exact'],
    [{ path: '/abc/' }, 'abc'],
    [{ path: '/abc/x' }, 'abc'],
    [{ path: '/abc/def' }, 'abc/def'],
    [{ path: '/abc/def/ghi' }, 'abc/def'],
    [{ path: '/abc/defg' }, 'abc'],
    [{ path: '/abcd' }, 'root'],
    [{ path: '/Abc' }, 'root'],
    [{ path: '/' }, 'root'],
  ],
)

cases(
  'an exact path matches itself only',
  [
    { name: 'abc', path: '/abc' },
    { name: 'slash', path: '/' },
  ],
  [
    [{ path: '/abc' }, 'abc'],
    [{ path: '/abc/' }, undefined],
    [{ path: '/Abc' }, undefined],
    [{ path: '/' }, 'slash'],
    [{ path: '/x' }, undefined],
    [{ path: '*' }, undefined],
  ],
)

cases(
  'a fixed segment comes before a parameter, from left to right; a parameter is never empty',
  [
    { name: 'id', path: '/user/:id' },
    { name: 'me', path: '/user/me' },
    { name: 'orders', path: '/user/:id/orders/*' },
    { name: 'left', path: '/:a/b/c' },
    { name: 'right', path: '/x/:b/c' },
  ],
  [
    [{ path: '/user/me' }, 'me'],
    [{ path: '/user/7' }, 'id'],
    [{ path: '/user/' }, undefined],
    [{ path: '/user/7/orders' }, 'orders'],
    [{ path: '/user/me/orders/1' }, 'orders'],
    [{ path: '/x/b/c' }, 'right'],
    [{ path: '/y/b/c' }, 'left'],
  ],
)

cases(
  'method, header and query conditions',
  [
    { name: 'plain', path: '/*' },
    { name: 'get', path: '/*', methods: ['get', 'HEAD'] },
    { name: 'v2', path: '/*', headers: { 'X-Version': '2' } },
    { name: 'v2+user', path: '/*', headers: { 'x-version': '2', 'x-user': true } },
    { name: 'beta', path: '/*', query: { beta: true } },
    { name: 'beta 1', path: '/*', query: { beta: '1', x: 'a b' } },
  ],
  [
    [{ method: 'GET' }, 'get'],
    [{ method: 'POST' }, 'plain'],
    [{ method: 'POST', headers: ['X-VERSION', '2'] }, 'v2'],
    [{ method: 'POST', headers: ['x-version', '3'] }, 'plain'],
    [{ method: 'POST', headers: ['x-version', '2', 'x-version', '3'] }, 'plain'],
    [{ method: 'POST', headers: ['x-user', 'u', 'x-version', '2'] }, 'v2+user'],
    [{ method: 'POST', query: 'beta' }, 'beta'],
    [{ method: 'POST', query: 'x=a%20b&beta=1' }, 'beta 1'],
    [{ method: 'POST', query: 'beta=1&x=a' }, 'beta'],
    [{ method: 'GET', headers: ['x-version', '2'] }, 'get'],
  ],
)

cases(
  'a path that matches but not in its method gives way to a shorter one; equals go by place in the file',
  [
    { name: 'write', path: '/a/b/*', methods: ['POST'] },
    { name: 'first', path: '/a/*' },
    { name: 'second', path: '/a/*' },
  ],
  [
    [{ path: '/a/b/c', method: 'POST' }, 'write'],
    [{ path: '/a/b/c', method: 'GET' }, 'first'],
  ],
)

test('parameters are read as they stand in the path', () => {
  const match = table({ path: '/user/:id/order/:order/*' }).match(ask({ path: '/user/a%20b/order/7/x' }))
  assert.deepEqual({ ...match?.params }, { id: 'a%20b', order: '7' })
})

test('a route without a name is named by what it does', () => {
  assert.equal(parseRoute({ to: 'users', host: 'a.com', path: '/u/*' }, 0).name, 'a.com/u/* → users')
  assert.equal(parseRoute({ to: 'users' }, 0).name, '/* → users')
})

test('explain says why this one and why not the others', () => {
  const { routes } = table(
    { name: 'any' },
    { name: 'user', path: '/user/*' },
    { name: 'post', path: '/user/*', methods: ['POST'] },
    { name: 'other', host: 'other.com' },
    { name: 'v2', headers: { 'x-v': '2' } },
  )
  const { route, why, others } = explain(routes, ask({ path: '/user/7', headers: ['x-v', '1'] }))
  assert.equal(route?.name, 'user')
  assert.equal(why, 'the best of those that match: its path is longer (next: any)')
  assert.deepEqual(Object.fromEntries(others.map((other) => [other.route.name, other.why])), {
    other: 'host example.com is not other.com',
    post: 'method GET is not POST',
    v2: 'header x-v is not "2"',
    any: 'matches, but user comes first: its path is longer',
  })
  assert.equal(explain([], ask({})).why, 'no route matches')
})

test('the index decides as looking at every route does, on random tables', (t) => {
  const seed = Number(process.env['SKEIN_SEED'] ?? 1)
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const random = seeded(seed)
  const one = <T>(list: readonly T[]): T => list[below(random, list.length)]!
  const segment = () => one(['a', 'b', ':p', ':q'])
  const hosts = [undefined, 'a.com', 'x.a.com', '*.a.com', '*.com']
  for (let round = 0; round < 300; round++) {
    const configs = Array.from({ length: 1 + below(random, 12) }, () => ({
      ...(random() < 0.5 ? {} : { host: one(hosts.slice(1)) as string }),
      path: `/${Array.from({ length: below(random, 4) }, segment).join('/')}${one(['', '/*'])}`.replace('//', '/'),
      ...(random() < 0.3 ? { methods: ['POST'] } : {}),
      ...(random() < 0.3 ? { headers: { v: one(['1', '2']) } } : {}),
      ...(random() < 0.3 ? { query: { q: true as const } } : {}),
    }))
    const routeTable = table(...configs)
    for (let i = 0; i < 30; i++) {
      const request = ask({
        host: one(['a.com', 'x.a.com', 'y.x.a.com', 'b.org']),
        path: `/${Array.from({ length: below(random, 5) }, () => one(['a', 'b', 'c', ''])).join('/')}`,
        method: one(['GET', 'POST']),
        headers: one([[], ['v', '1'], ['v', '2']]),
        query: one(['', 'q=1']),
      })
      assert.equal(
        routeTable.match(request)?.route.name,
        explain(routeTable.routes, request).route?.name,
        JSON.stringify({ configs, request }),
      )
      const placed = [...routeTable.placed(request)].map(({ route }) => route.order)
      const looked = routeTable.routes.filter((route) => placeMismatch(route, request) === undefined)
      assert.deepEqual(placed.sort(), looked.map(({ order }) => order).sort(), JSON.stringify({ configs, request }))
    }
  }
})
