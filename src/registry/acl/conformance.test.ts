/**
 * Every endpoint as each kind of token sees it. A row is a request; a cell says what comes back: names that are seen,
 * `403 permission "name"` with Consul's text around it, or a status.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ENDPOINTS } from '../api/table.ts'
import type { Reply } from '../test-kit.fixture.ts'
import { type Closed, closedRegistry, MASTER, type Made } from './acl-kit.fixture.ts'

type Who = 'anonymous' | 'web' | 'reader' | 'manage'
const WHO: readonly Who[] = ['anonymous', 'web', 'reader', 'manage']

interface Row {
  readonly ask: string
  readonly body?: unknown
  /** Names in the answer, joined by spaces. Without it a cell is a status. */
  readonly see?: (json: never) => readonly string[]
  /** For anonymous, web, reader and manage; `same` = as the one before. */
  readonly cells: readonly [string, string, string, string]
}

const names = (key: string) => (list: readonly Record<string, string>[]) => list.map((one) => one[key]!)
const keysOf = (map: object) => Object.keys(map)
const strings = (list: readonly string[]) => list
const services = (list: readonly { Service: { Service: string } }[]) => list.map(({ Service }) => Service.Service)

const NO_NODE = '403 node:read'
const ALL = 'api consul db web'

const ROWS: readonly Row[] = [
  { ask: 'GET /v1/status/leader', cells: ['200', '200', '200', '200'] },
  { ask: 'GET /v1/status/peers', cells: ['200', '200', '200', '200'] },
  { ask: 'GET /health/ready', cells: ['200', '200', '200', '200'] },
  { ask: 'GET /metrics', cells: ['403 agent:read "node1"', 'same', '200', '200'] },
  { ask: 'GET /v1/agent/self', cells: ['403 agent:read "node1"', 'same', '200', '200'] },
  { ask: 'GET /v1/agent/version', cells: ['403 agent:read "node1"', 'same', '200', '200'] },
  { ask: 'GET /v1/agent/metrics', cells: ['403 agent:read "node1"', 'same', '200', '200'] },
  { ask: 'GET /v1/agent/host', cells: ['403 operator:read', 'same', '200', '200'] },
  { ask: 'GET /v1/agent/members', see: names('Name'), cells: ['', 'node1', 'node1', 'node1'] },
  { ask: 'GET /v1/agent/services', see: keysOf, cells: ['', 'web-1', 'api-1 web-1', 'api-1 web-1'] },
  {
    ask: 'GET /v1/agent/checks',
    see: keysOf,
    cells: ['', 'free service:web-1', 'free service:api-1 service:web-1', 'free service:api-1 service:web-1'],
  },
  {
    ask: 'GET /v1/skein/checks',
    see: names('CheckID'),
    cells: ['', 'free service:web-1', 'free service:api-1 service:web-1', 'free service:api-1 service:web-1'],
  },
  { ask: 'GET /v1/skein/lease?instance=api-1', cells: ['403 service:write "api"', 'same', 'same', '-'] },
  { ask: 'GET /v1/agent/service/web-1', cells: ['403 service:read "web"', '200', '200', '200'] },
  { ask: 'GET /v1/agent/service/api-1', cells: ['403 service:read "api"', 'same', '200', '200'] },
  { ask: 'GET /v1/agent/health/service/id/api-1', cells: ['403 service:read "api"', 'same', '200', '200'] },
  { ask: 'GET /v1/agent/health/service/name/web', cells: ['403 service:read "web"', '200', '200', '200'] },
  {
    ask: 'PUT /v1/agent/service/register',
    body: { Name: 'web', ID: 'web-1', Port: 80, Check: { TTL: '10m', Status: 'passing' } },
    cells: ['403 service:write "web"', '200', '403 service:write "web"', '200'],
  },
  {
    ask: 'PUT /v1/agent/service/register',
    body: { Name: 'api', ID: 'api-1', Port: 80, Check: { TTL: '10m', Status: 'passing' } },
    cells: ['403 service:write "api"', 'same', 'same', '200'],
  },
  {
    ask: 'PUT /v1/agent/service/register',
    body: { Name: 'web', ID: 'api-1' },
    cells: ['403 service:write "web"', '403 service:write "api"', '403 service:write "web"', '-'],
  },
  {
    ask: 'PUT /v1/agent/check/pass/service:web-1',
    cells: ['403 service:write "web"', '200', '403 service:write "web"', '200'],
  },
  { ask: 'PUT /v1/agent/check/warn/service:api-1', cells: ['403 service:write "api"', 'same', 'same', '-'] },
  { ask: 'PUT /v1/agent/check/fail/free', cells: ['403 node:write "node1"', 'same', 'same', '-'] },
  {
    ask: 'PUT /v1/agent/check/update/service:web-1',
    body: { Status: 'passing' },
    cells: ['403 service:write "web"', '200', '403 service:write "web"', '200'],
  },
  {
    ask: 'PUT /v1/agent/check/register',
    body: { Name: 'free', TTL: '10m', Status: 'passing' },
    cells: ['403 node:write "node1"', 'same', 'same', '200'],
  },
  {
    ask: 'PUT /v1/agent/check/register',
    body: { Name: 'more', TTL: '10m', ServiceID: 'web-1', Status: 'passing' },
    cells: ['403 service:write "web"', '200', '403 service:write "web"', '200'],
  },
  { ask: 'PUT /v1/agent/check/deregister/more', cells: ['403 service:write "web"', '200', '404', '404'] },
  {
    ask: 'PUT /v1/agent/service/maintenance/web-1?enable=false',
    cells: ['403 service:write "web"', '200', '403 service:write "web"', '200'],
  },
  { ask: 'PUT /v1/agent/maintenance?enable=false', cells: ['403 node:write "node1"', 'same', 'same', '200'] },
  { ask: 'PUT /v1/agent/service/deregister/api-1', cells: ['403 service:write "api"', 'same', 'same', '-'] },
  { ask: 'PUT /v1/skein/remove/api-1', cells: ['403 service:write "api"', 'same', 'same', '-'] },
  { ask: 'PUT /v1/skein/remove/gone?force', cells: ['403 operator:write', 'same', 'same', '200'] },
  { ask: 'GET /v1/skein/removed', see: names('ServiceID'), cells: ['', 'gone', 'gone', 'gone'] },
  { ask: 'PUT /v1/skein/allow/gone', cells: ['403 operator:write', 'same', 'same', '200'] },
  { ask: 'PUT /v1/agent/token/agent', body: { Token: '' }, cells: ['403 agent:write "node1"', 'same', 'same', '200'] },
  { ask: 'PUT /v1/agent/token/other', body: {}, cells: ['403 agent:write "node1"', 'same', 'same', '404'] },
  { ask: 'PUT /v1/agent/reload', cells: ['403 agent:write "node1"', 'same', 'same', '404'] },
  { ask: 'PUT /v1/agent/leave', cells: ['403 agent:write "node1"', 'same', 'same', '404'] },
  { ask: 'PUT /v1/agent/join/other', cells: ['403 agent:write "node1"', 'same', 'same', '500'] },
  { ask: 'PUT /v1/agent/force-leave/node1', cells: ['403 operator:write', 'same', 'same', '200'] },
  { ask: 'GET /v1/catalog/datacenters', see: strings, cells: ['dc1', 'dc1', 'dc1', 'dc1'] },
  { ask: 'GET /v1/catalog/services', see: keysOf, cells: ['', 'web', ALL, ALL] },
  { ask: 'GET /v1/catalog/nodes', see: names('Node'), cells: ['', 'n2 node1', 'n2 node1', 'n2 node1'] },
  { ask: 'GET /v1/catalog/service/web', see: names('ServiceID'), cells: ['', 'web-1', 'web-1', 'web-1'] },
  { ask: 'GET /v1/catalog/service/api', see: names('ServiceID'), cells: ['', '', 'api-1', 'api-1'] },
  {
    ask: 'GET /v1/catalog/node/node1',
    see: (node: { Services: object } | null) => keysOf(node?.Services ?? {}),
    cells: ['', 'web-1', 'api-1 consul web-1', 'api-1 consul web-1'],
  },
  {
    ask: 'GET /v1/catalog/node-services/node1',
    see: ({ Services }: { Services: { ID: string }[] | null }) => (Services ?? []).map(({ ID }) => ID),
    cells: ['', 'web-1', 'api-1 consul web-1', 'api-1 consul web-1'],
  },
  {
    ask: 'PUT /v1/catalog/register',
    body: { Node: 'n2', Address: '10.0.0.2', Service: { Service: 'db', ID: 'db-1' } },
    cells: ['403 service:write "db"', 'same', 'same', '200'],
  },
  {
    ask: 'PUT /v1/catalog/register',
    body: { Node: 'n2', Address: '10.0.0.9' },
    cells: ['403 node:write "n2"', 'same', 'same', '-'],
  },
  {
    ask: 'PUT /v1/catalog/register',
    body: { Node: 'n2', Address: '10.0.0.2', Service: { Service: 'web', ID: 'web-9' } },
    cells: ['403 service:write "web"', '200', '403 service:write "web"', '-'],
  },
  {
    ask: 'PUT /v1/catalog/deregister',
    body: { Node: 'n2', ServiceID: 'web-9' },
    cells: ['403 service:write "web"', '200', '403 node:write "n2"', '200'],
  },
  { ask: 'PUT /v1/catalog/deregister', body: { Node: 'n2' }, cells: ['403 node:write "n2"', 'same', 'same', '-'] },
  { ask: 'GET /v1/health/service/web', see: services, cells: ['', 'web', 'web', 'web'] },
  { ask: 'GET /v1/health/service/api', see: services, cells: ['', '', 'api', 'api'] },
  { ask: 'GET /v1/health/checks/api', see: names('CheckID'), cells: ['', '', 'service:api-1', 'service:api-1'] },
  {
    ask: 'GET /v1/health/state/any',
    see: names('CheckID'),
    cells: [
      '',
      'free serfHealth service:web-1',
      'free serfHealth service:api-1 service:web-1',
      'free serfHealth service:api-1 service:web-1',
    ],
  },
  {
    ask: 'GET /v1/health/node/node1',
    see: names('CheckID'),
    cells: [
      '',
      'free serfHealth service:web-1',
      'free serfHealth service:api-1 service:web-1',
      'free serfHealth service:api-1 service:web-1',
    ],
  },
  { ask: 'GET /v1/coordinate/nodes', see: names('Node'), cells: ['', 'node1', 'node1', 'node1'] },
  { ask: 'GET /v1/coordinate/node/node1', cells: [`${NO_NODE} "node1"`, '200', '200', '200'] },
  { ask: 'GET /v1/kv/web/a', cells: ['403 key:read "web/a"', '200', '200', '200'] },
  { ask: 'GET /v1/kv/other/b', cells: ['403 key:read "other/b"', 'same', '200', '200'] },
  { ask: 'GET /v1/kv/other/b?raw', cells: ['403 key:read "other/b"', 'same', '200', '200'] },
  { ask: 'GET /v1/kv/?keys', see: strings, cells: ['', 'web/a', 'other/b web/a', 'other/b web/a'] },
  { ask: 'GET /v1/kv/?keys&separator=/', see: strings, cells: ['', 'web/', 'other/ web/', 'other/ web/'] },
  { ask: 'GET /v1/kv/other/?keys', cells: ['404', '404', '200', '200'] },
  { ask: 'GET /v1/kv/?recurse', cells: ['404', '200', '200', '200'] },
  {
    ask: 'GET /v1/kv/web/?recurse',
    see: (list: never) => (list === null ? [] : names('Key')(list)),
    cells: ['404', 'web/a', 'web/a', 'web/a'],
  },
  { ask: 'PUT /v1/kv/web/a', body: 'x', cells: ['403 key:write "web/a"', '200', '403 key:write "web/a"', '200'] },
  { ask: 'PUT /v1/kv/other/b', body: 'x', cells: ['403 key:write "other/b"', 'same', 'same', '200'] },
  { ask: 'DELETE /v1/kv/web/z', cells: ['403 key:write "web/z"', '200', '403 key:write "web/z"', '200'] },
  { ask: 'DELETE /v1/kv/?recurse', cells: ['403 key:write', 'same', 'same', '-'] },
  { ask: 'DELETE /v1/kv/web/z/?recurse', cells: ['403 key:write "web/z/"', '200', '403 key:write "web/z/"', '200'] },
  {
    ask: 'PUT /v1/txn',
    body: [{ KV: { Verb: 'set', Key: 'other/b', Value: 'eA==' } }],
    cells: ['409', '409', '409', '200'],
  },
  {
    ask: 'PUT /v1/txn',
    body: [{ KV: { Verb: 'get-tree', Key: '' } }],
    see: ({ Results }: { Results: { KV: { Key: string } }[] }) => Results.map(({ KV }) => KV.Key),
    cells: ['', 'web/a', 'other/b web/a', 'other/b web/a'],
  },
  { ask: 'PUT /v1/txn', body: [{ KV: { Verb: 'delete-tree', Key: 'other' } }], cells: ['409', '409', '409', '-'] },
  {
    ask: 'PUT /v1/txn',
    body: [{ Service: { Verb: 'set', Node: 'n2', Service: { Service: 'db', ID: 'db-1' } } }],
    cells: ['409', '409', '409', '200'],
  },
  { ask: 'PUT /v1/txn', body: [{ Node: { Verb: 'delete', Node: { Node: 'n2' } } }], cells: ['409', '409', '409', '-'] },
  {
    ask: 'PUT /v1/txn',
    body: [{ Service: { Verb: 'get', Node: 'n2', Service: { Service: 'db', ID: 'db-1' } } }],
    see: ({ Results }: { Results: { Service: { ID: string } }[] }) => Results.map(({ Service }) => Service.ID),
    cells: ['', '', 'db-1', 'db-1'],
  },
  { ask: 'PUT /v1/session/create', body: {}, cells: ['403 session:write "node1"', 'same', 'same', '-'] },
  { ask: 'PUT /v1/session/create', body: { Node: 'n2' }, cells: ['403 session:write "n2"', 'same', 'same', '-'] },
  { ask: 'GET /v1/session/list', see: names('Name'), cells: ['', '', 'mine', 'mine'] },
  { ask: 'GET /v1/session/node/node1', see: names('Name'), cells: ['', '', 'mine', 'mine'] },
  { ask: 'GET /v1/session/info/<session>', see: names('Name'), cells: ['', '', 'mine', 'mine'] },
  { ask: 'PUT /v1/session/renew/<session>', cells: ['403 session:write "node1"', 'same', 'same', '200'] },
  { ask: 'PUT /v1/session/destroy/<session>', cells: ['403 session:write "node1"', 'same', 'same', '-'] },
  { ask: 'PUT /v1/event/fire/deploy', cells: ['403 event:write "deploy"', 'same', 'same', '-'] },
  { ask: 'GET /v1/event/list', see: names('Name'), cells: ['', '', 'deploy', 'deploy'] },
  {
    ask: 'POST /v1/query',
    body: { Name: 'other', Service: { Service: 'web' } },
    cells: ['403 query:write "other"', 'same', 'same', '-'],
  },
  { ask: 'GET /v1/query', see: names('Name'), cells: ['', '', 'webs', ' webs'] },
  { ask: 'GET /v1/query/<query>', cells: ['403 query:read "webs"', 'same', '200', '200'] },
  { ask: 'GET /v1/query/<nameless>', cells: ['200', '200', '200', '200'] },
  { ask: 'GET /v1/query/webs/explain', cells: ['403 query:read "webs"', 'same', '200', '200'] },
  { ask: 'DELETE /v1/query/<query>', cells: ['403 query:write "webs"', 'same', 'same', '-'] },
  {
    ask: 'GET /v1/query/webs/execute',
    see: ({ Nodes }: { Nodes: { Service: { ID: string } }[] }) => Nodes.map(({ Service }) => Service.ID),
    cells: ['', 'web-1', 'web-1', 'web-1'],
  },
  { ask: 'GET /v1/operator/raft/configuration', cells: ['403 operator:read', 'same', '200', '200'] },
  { ask: 'GET /v1/operator/autopilot/health', cells: ['403 operator:read', 'same', '200', '200'] },
  { ask: 'GET /v1/acl/tokens', cells: ['403 acl:read', 'same', '200', '200'] },
  { ask: 'GET /v1/acl/token/self', cells: ['200', '200', '200', '200'] },
  { ask: 'PUT /v1/acl/token', body: {}, cells: ['403 acl:write', 'same', 'same', '200'] },
  { ask: 'GET /v1/acl/policies', cells: ['403 acl:read', 'same', '200', '200'] },
  { ask: 'GET /v1/acl/policy/name/global-management', cells: ['403 acl:read', 'same', '200', '200'] },
  { ask: 'PUT /v1/acl/policy', body: { Name: '' }, cells: ['403 acl:write', 'same', 'same', '500'] },
  { ask: 'GET /v1/acl/roles', cells: ['403 acl:read', 'same', '200', '200'] },
  { ask: 'PUT /v1/acl/role', body: { Name: '' }, cells: ['403 acl:write', 'same', 'same', '500'] },
  { ask: 'GET /v1/acl/role/name/none', cells: ['403 acl:read', 'same', '404', '404'] },
  { ask: 'GET /v1/acl/role/none', cells: ['403 acl:read', 'same', '404', '404'] },
  { ask: 'PUT /v1/acl/role/none', body: {}, cells: ['403 acl:write', 'same', 'same', '500'] },
  { ask: 'DELETE /v1/acl/role/none', cells: ['403 acl:write', 'same', 'same', '404'] },
  { ask: 'PUT /v1/acl/policy/none', body: {}, cells: ['403 acl:write', 'same', 'same', '500'] },
  { ask: 'DELETE /v1/acl/policy/none', cells: ['403 acl:write', 'same', 'same', '404'] },
  { ask: 'PUT /v1/acl/token/none', body: {}, cells: ['403 acl:write', 'same', 'same', '500'] },
  { ask: 'PUT /v1/acl/token/none/clone', body: {}, cells: ['403 acl:write', 'same', 'same', '404'] },
  { ask: 'DELETE /v1/acl/token/none', cells: ['403 acl:write', 'same', 'same', '500'] },
  { ask: 'GET /v1/acl/auth-methods', cells: ['403 acl:read', 'same', '200', '200'] },
  { ask: 'GET /v1/acl/binding-rules', cells: ['403 acl:read', 'same', '200', '200'] },
  {
    ask: 'PUT /v1/query/<query>',
    body: { Name: 'webs', Service: { Service: 'web' } },
    cells: ['403 query:write "webs"', 'same', 'same', '200'],
  },
  { ask: 'GET /v1/skein/lease?instance=api-1', cells: ['403 service:write "api"', 'same', 'same', '-'] },
  { ask: 'PUT /v1/acl/bootstrap', cells: ['403 bootstrap', 'same', 'same', 'same'] },
  {
    ask: 'GET /v1/skein/prometheus',
    see: (groups: { targets: string[]; labels: Record<string, string> }[]) =>
      groups.map(({ labels }) => labels['__meta_consul_service_id']!),
    cells: ['', 'web-1', 'api-1 web-1', 'api-1 web-1'],
  },
  {
    ask: 'GET /v1/skein/history?kind=register&last=1000',
    see: (entries: { ServiceID?: string }[]) =>
      [...new Set(entries.map(({ ServiceID }) => ServiceID ?? ''))].filter(Boolean),
    cells: ['', 'web-1 web-9', 'api-1 consul db-1 web-1 web-9', 'api-1 consul db-1 web-1 web-9'],
  },
]

let closed: Closed
const tokens = new Map<Who, Made>()
const ids: Record<string, string> = {}

before(async () => {
  closed = await closedRegistry()
  const { asMaster } = closed
  tokens.set(
    'web',
    await closed.tokenWith(
      'web',
      'service "web" { policy = "write" } node_prefix "" { policy = "read" } key_prefix "web/" { policy = "write" }',
    ),
  )
  tokens.set('reader', await closed.makeToken('reader', { Policies: [{ Name: 'builtin/global-read-only' }] }))
  tokens.set('manage', {
    SecretID: MASTER,
    AccessorID: ((await asMaster('GET', '/v1/acl/token/self')).json() as Made).AccessorID,
  })
  for (const name of ['web', 'api']) {
    const Check = { TTL: '10m', Status: 'passing' }
    await asMaster('PUT', '/v1/agent/service/register', { Name: name, ID: `${name}-1`, Port: 80, Check })
  }
  await asMaster('PUT', '/v1/agent/check/register', { Name: 'free', TTL: '10m', Status: 'passing' })
  await asMaster('PUT', '/v1/catalog/register', {
    Node: 'n2',
    Address: '10.0.0.2',
    Service: { Service: 'db', ID: 'db-1' },
  })
  for (const key of ['web/a', 'other/b']) await asMaster('PUT', `/v1/kv/${key}`, 'x')
  ids['session'] = ((await asMaster('PUT', '/v1/session/create', { Name: 'mine' })).json() as { ID: string }).ID
  await asMaster('PUT', '/v1/event/fire/deploy')
  const query = async (Name: string) =>
    ((await asMaster('POST', '/v1/query', { Name, Service: { Service: 'web' } })).json() as { ID: string }).ID
  ids['query'] = await query('webs')
  ids['nameless'] = await query('')
})

after(() => closed.close())

for (const row of ROWS) {
  for (const [i, who] of WHO.entries()) {
    const expected = cellOf(row, i)
    if (expected === '-') continue
    test(`${row.ask}${row.body === undefined ? '' : ` ${JSON.stringify(row.body)}`} as ${who}: ${expected || 'nothing'}`, async () => {
      const [method, path] = row.ask.split(' ') as [string, string]
      const filled = path.replaceAll(/<(\w+)>/g, (_all, name: string) => ids[name]!)
      const reply = await closed.ask(method, filled, tokens.get(who)?.SecretID, row.body)
      check(reply, expected, who, row.see)
    })
  }
}

function cellOf({ cells }: Row, at: number): string {
  return cells[at] === 'same' ? cellOf({ ask: '', cells }, at - 1) : cells[at]!
}

function check(reply: Reply, expected: string, who: Who, see: Row['see']): void {
  const { status, text } = reply
  if (expected.startsWith('403')) {
    assert.equal(`${status} ${text}`, `403 ${refusal(expected, who)}`)
  } else if (/^\d{3}$/.test(expected)) {
    assert.equal(status, Number(expected), text)
  } else {
    assert.equal(status, 200, text)
    assert.equal(
      see!(reply.json() as never)
        .toSorted()
        .join(' '),
      expected,
    )
  }
}

/** Consul's words: agent/acl of 1.12 and later. */
function refusal(expected: string, who: Who): string {
  const [, permission, name] = /^403 (\S+)(?: (".*"))?$/.exec(expected)!
  if (permission === 'bootstrap') {
    return `Permission denied: ACL bootstrap no longer allowed (reset index: ${bootstrapIndex})`
  }
  const what = `lacks permission '${permission}'${name === undefined ? '' : ` on ${name}`}`
  if (who !== 'anonymous') return `Permission denied: token with AccessorID '${tokens.get(who)!.AccessorID}' ${what}`
  return `Permission denied: anonymous token ${what}. The anonymous token is used implicitly when a request does not specify a token.`
}

/** The second write of a new store: its own node is the first. */
const bootstrapIndex = 2

test('a token that there is not is refused wherever rights count, also where the anonymous one would do', async () => {
  const unknown = '99999999-9999-9999-9999-999999999999'
  for (const path of [
    '/v1/catalog/services',
    '/v1/health/service/web',
    '/v1/kv/web/a',
    '/v1/agent/self',
    '/v1/event/list',
  ]) {
    const { status, text } = await closed.ask('GET', path, unknown)
    assert.equal(`${status} ${text}`, '403 ACL not found', path)
  }
  assert.equal((await closed.ask('PUT', '/v1/kv/web/a', unknown, 'x')).text, 'ACL not found')
  assert.equal((await closed.ask('GET', '/v1/acl/token/self', unknown)).status, 404)
  assert.equal((await closed.ask('GET', '/v1/status/leader', unknown)).status, 200)
})

test('who brought a token is told that another would show more', async () => {
  const header = (reply: Reply) => reply.headers.get('x-consul-results-filtered-by-acls')
  const web = tokens.get('web')!.SecretID
  assert.equal(header(await closed.ask('GET', '/v1/catalog/services', web)), 'true')
  assert.equal(header(await closed.ask('GET', '/v1/catalog/services', web)), 'true', 'from the cache')
  assert.equal(header(await closed.ask('GET', '/v1/health/service/web', web)), null)
  assert.equal(header(await closed.ask('GET', '/v1/catalog/services')), null)
  assert.equal(header(await closed.ask('GET', '/v1/catalog/services', MASTER)), null)
  assert.equal(header(await closed.ask('GET', '/v1/kv/other/?recurse', web)), 'true')
  assert.equal((await closed.get('/v1/catalog/services')).headers.get('x-consul-default-acl-policy'), 'deny')
})

test('the token by header, by Bearer or by parameter, the parameter first; other schemes are none', async () => {
  const seen = async (path: string, headers: Record<string, string>) =>
    Object.keys((await closed.get(path, undefined, headers)).json() as object).length
  const path = '/v1/catalog/services'
  assert.equal(await seen(path, { 'x-consul-token': MASTER }), 4)
  assert.equal(await seen(path, { authorization: `bearer ${MASTER}` }), 4)
  assert.equal(await seen(path, { authorization: `Basic ${MASTER}` }), 0)
  assert.equal(await seen(`${path}?token=${MASTER}`, { 'x-consul-token': 'nonsense' }), 4)
})

/** No rights count there, or those of what is in the body; each with the reason. */
const OUTSIDE: Readonly<Record<string, string>> = {
  'GET /v1/acl/replication': 'says nothing but that there is one datacenter',
  'GET /v1/agent/connect/ca/roots': 'there is no mesh',
  'GET /v1/catalog/connect/': 'there is no mesh',
  'GET /v1/catalog/gateway-services/': 'there is no mesh',
  'GET /v1/health/connect/': 'there is no mesh',
  'GET /v1/coordinate/datacenters': 'names the datacenter and the registry’s own node',
  'GET /v1/skein/events': 'a stream: acl.test.ts',
}

test('every endpoint and method is in the table', () => {
  const covered = (method: string, path: string) =>
    ROWS.some(({ ask }) => ask.startsWith(`${method} ${path}`)) || OUTSIDE[`${method} ${path}`] !== undefined
  const missing = ENDPOINTS.flatMap(({ path, ...handlers }) =>
    Object.keys(handlers).flatMap((method) => (covered(method, path) ? [] : [`${method} ${path}`])),
  )
  assert.deepEqual(missing, [])
})
