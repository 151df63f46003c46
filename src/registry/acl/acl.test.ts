/** Tokens, policies and roles over their lives. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { createLogger } from '../../core/log.ts'
import { testRegistry } from '../test-kit.fixture.ts'
import { closedRegistry, MASTER, type Made } from './acl-kit.fixture.ts'

type Json = Record<string, unknown>

test('with ACLs off: ACL support disabled, and any token is ignored', async () => {
  await using registry = await testRegistry()
  for (const [method, path] of [
    ['get', '/v1/acl/tokens'],
    ['get', '/v1/acl/token/self'],
    ['put', '/v1/acl/bootstrap'],
    ['put', '/v1/acl/policy'],
    ['delete', '/v1/acl/role/x'],
  ] as const) {
    const { status, text } = await registry[method](path)
    assert.equal(`${status} ${text}`, '401 ACL support disabled', path)
  }
  const { status, headers } = await registry.get('/v1/catalog/services', undefined, { 'x-consul-token': 'nonsense' })
  assert.deepEqual([status, headers.get('x-consul-default-acl-policy')], [200, 'allow'])
})

test('bootstrap: once, then only with the reset index in its file', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-acl-'))
  const resetFile = path.join(dir, 'acl-bootstrap-reset')
  try {
    await using registry = await testRegistry({ acl: { resetFile } })
    const first = (await registry.put('/v1/acl/bootstrap')).json() as Json
    assert.equal(first['ID'], first['SecretID'])
    assert.deepEqual(first['Policies'], [{ ID: '00000000-0000-0000-0000-000000000001', Name: 'global-management' }])
    assert.equal(first['Description'], 'Bootstrap Token (Global Management)')
    const again = await registry.put('/v1/acl/bootstrap')
    assert.match(
      `${again.status} ${again.text}`,
      /^403 Permission denied: ACL bootstrap no longer allowed \(reset index: \d+\)$/,
    )
    writeFileSync(resetFile, '1\n')
    assert.match(
      (await registry.put('/v1/acl/bootstrap')).text,
      /Invalid bootstrap reset index \(specified 1, reset index: \d+\)/,
    )
    writeFileSync(resetFile, /index: (\d+)/.exec(again.text)![1]!)
    const BootstrapSecret = '22222222-2222-2222-2222-222222222222'
    const second = await registry.put('/v1/acl/bootstrap', { BootstrapSecret })
    assert.equal((second.json() as Json)['SecretID'], BootstrapSecret)
    assert.deepEqual(readdirSync(dir), [])
    assert.equal((await registry.put('/v1/acl/bootstrap')).status, 403)
    assert.equal((await registry.get('/v1/acl/tokens', undefined, { 'x-consul-token': BootstrapSecret })).status, 200)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('bootstrap: the secret counts also where the body comes in chunks', async () => {
  await using registry = await testRegistry({ acl: {} })
  const BootstrapSecret = '12345678-1234-1234-1234-123456789abc'
  const body = new Blob([JSON.stringify({ BootstrapSecret })]).stream()
  const answer = await fetch(`${registry.url}/v1/acl/bootstrap`, { method: 'PUT', body, duplex: 'half' })
  assert.equal(((await answer.json()) as Json)['SecretID'], BootstrapSecret)
})

test('a token: made, read, changed, cloned, deleted; its secret is shown once', async () => {
  await using closed = await closedRegistry()
  const { asMaster, ask } = closed
  await closed.makePolicy('p', 'key_prefix "" { policy = "read" }')
  const made = (
    await asMaster('PUT', '/v1/acl/token', {
      Description: 'd',
      Policies: [{ Name: 'p' }],
      ServiceIdentities: [{ ServiceName: 'web' }],
    })
  ).json() as Json
  assert.deepEqual(Object.keys(made), [
    'AccessorID',
    'SecretID',
    'Description',
    'Policies',
    'ServiceIdentities',
    'Local',
    'CreateTime',
    'Hash',
    'CreateIndex',
    'ModifyIndex',
  ])
  const id = made['AccessorID'] as string
  const secret = made['SecretID'] as string
  const read: Json = (await asMaster('GET', `/v1/acl/token/${id}`)).json() as Json
  const hidden: Json = { ...made, SecretID: '<hidden>' }
  assert.deepEqual({ ...read }, hidden)
  assert.equal(((await ask('GET', '/v1/acl/token/self', secret)).json() as Json)['SecretID'], secret)
  const changed = (await asMaster('PUT', `/v1/acl/token/${id}`, { ...read, Description: 'e' })).json() as Json
  assert.deepEqual(
    [changed['Description'], changed['SecretID'], changed['Policies']],
    ['e', '<hidden>', read['Policies']],
  )
  assert.equal((await ask('GET', '/v1/kv/?keys', secret)).status, 200)
  const clone = (await asMaster('PUT', `/v1/acl/token/${id}/clone`)).json() as Json
  assert.deepEqual([clone['Description'], clone['Policies']], ['e', read['Policies']])
  assert.notEqual(clone['SecretID'], secret)
  assert.equal((await ask('GET', '/v1/kv/?keys', clone['SecretID'] as string)).status, 200)
  const own = await ask('DELETE', `/v1/acl/token/${id}`, secret)
  assert.equal(own.status, 403)
  assert.equal((await asMaster('DELETE', `/v1/acl/token/${id}`)).text, 'true')
  assert.equal((await ask('GET', '/v1/kv/?keys', secret)).text, 'ACL not found')
  const gone = await ask('GET', `/v1/acl/token/${id}`, MASTER)
  assert.equal(`${gone.status} ${gone.text}`, '404 Requested token does not exist: ACL not found')
  const expanded = (await asMaster('GET', `/v1/acl/token/${clone['AccessorID']}?expanded`)).json() as {
    ExpandedPolicies: Json[]
  }
  assert.equal(expanded.ExpandedPolicies[0]?.['Rules'], 'key_prefix "" { policy = "read" }')
})

test('what tokens are refused', async () => {
  await using closed = await closedRegistry()
  const one = await closed.makeToken('one', {})
  const self = ((await closed.asMaster('GET', '/v1/acl/token/self')).json() as Made).AccessorID
  for (const [method, path, body, expected] of [
    ['PUT', '/v1/acl/token', { Policies: [{ Name: 'nope' }] }, '500 No such ACL policy with name "nope"'],
    ['PUT', '/v1/acl/token', { Roles: [{ ID: 'nope' }] }, '500 No such ACL role with ID "nope"'],
    ['PUT', '/v1/acl/token', { SecretID: 'short' }, '500 Invalid Token: SecretID is not a valid UUID'],
    ['PUT', '/v1/acl/token', { SecretID: one.SecretID }, '500 Invalid Token: SecretID is already in use'],
    ['PUT', '/v1/acl/token', { AccessorID: one.AccessorID }, '500 Invalid Token: AccessorID is already in use'],
    [
      'PUT',
      '/v1/acl/token',
      { ExpirationTTL: '10s' },
      '500 ExpirationTime cannot be less than 1m0s in the future (was 10s)',
    ],
    [
      'PUT',
      '/v1/acl/token',
      { ExpirationTTL: '25h' },
      '500 ExpirationTime cannot be more than 24h0m0s in the future (was 25h0m0s)',
    ],
    [
      'PUT',
      '/v1/acl/token',
      { ServiceIdentities: [{ ServiceName: 'A b' }] },
      `500 Service identity "A b" has an invalid name. Only alphanumeric characters, '-' and '_' are allowed`,
    ],
    [
      'PUT',
      '/v1/acl/token',
      { NodeIdentities: [{ NodeName: 'a' }] },
      '500 Node identity is missing the datacenter field on this token',
    ],
    ['PUT', '/v1/acl/token', { Nonsense: 1 }, '400 Token decoding failed: json: unknown field "Nonsense"'],
    [
      'PUT',
      `/v1/acl/token/${one.AccessorID}`,
      { AccessorID: self },
      '400 Token Accessor ID in URL and payload do not match',
    ],
    ['PUT', `/v1/acl/token/${one.AccessorID}`, { SecretID: self }, '500 Changing a tokens SecretID is not permitted'],
    ['PUT', `/v1/acl/token/${one.AccessorID}`, { Local: true }, `500 cannot toggle local mode of ${one.AccessorID}`],
    [
      'PUT',
      `/v1/acl/token/${one.AccessorID}`,
      { ExpirationTTL: '1h' },
      `500 Cannot change expiration time of ${one.AccessorID}`,
    ],
    [
      'PUT',
      '/v1/acl/token/99999999-9999-9999-9999-999999999999',
      {},
      '500 Cannot find token "99999999-9999-9999-9999-999999999999"',
    ],
    [
      'DELETE',
      '/v1/acl/token/00000000-0000-0000-0000-000000000002',
      undefined,
      '500 Delete operation not permitted on the anonymous token',
    ],
    [
      'DELETE',
      `/v1/acl/token/${self}`,
      undefined,
      "500 Deletion of the request's authorization token is not permitted",
    ],
    ['DELETE', '/v1/acl/token/99999999-9999-9999-9999-999999999999', undefined, '404 Cannot find token to delete'],
  ] as const) {
    const { status, text } = await closed.ask(method, path, MASTER, body)
    assert.equal(`${status} ${text}`, expected)
  }
})

test('policies and roles: by ID and by name, renamed without breaking links, refused', async () => {
  await using closed = await closedRegistry()
  const { asMaster, ask } = closed
  const policy = (await closed.makePolicy('keys', 'key_prefix "" { policy = "write" }')).json() as Json
  const role = (await asMaster('PUT', '/v1/acl/role', { Name: 'writer', Policies: [{ Name: 'keys' }] })).json() as Json
  const token = await closed.makeToken('t', { Roles: [{ Name: 'writer' }] })
  assert.equal((await ask('PUT', '/v1/kv/a', token.SecretID, 'x')).text, 'true')
  await asMaster('PUT', `/v1/acl/policy/${policy['ID']}`, {
    Name: 'renamed',
    Rules: 'key_prefix "" { policy = "read" }',
  })
  assert.equal((await ask('PUT', '/v1/kv/a', token.SecretID, 'y')).status, 403)
  assert.deepEqual(((await asMaster('GET', '/v1/acl/role/name/writer')).json() as Json)['Policies'], [
    { ID: policy['ID'], Name: 'renamed' },
  ])
  assert.equal(
    (await ask('GET', '/v1/acl/policy/name/keys', MASTER)).text,
    'Requested policy does not exist: ACL not found',
  )
  assert.deepEqual(((await asMaster('GET', `/v1/acl/roles?policy=${policy['ID']}`)).json() as Json[]).length, 1)
  assert.equal(((await asMaster('GET', `/v1/acl/tokens?role=${role['ID']}`)).json() as Json[]).length, 1)
  await asMaster('DELETE', `/v1/acl/policy/${policy['ID']}`)
  assert.equal((await ask('GET', '/v1/kv/a', token.SecretID)).status, 403)
  assert.equal(((await asMaster('GET', `/v1/acl/role/${role['ID']}`)).json() as Json)['Policies'], undefined)
  for (const [method, path, body, expected] of [
    [
      'PUT',
      '/v1/acl/policy',
      { Name: 'bad', Rules: 'key "' },
      '500 Failed to parse ACL rules: At 1:5: literal not terminated',
    ],
    [
      'PUT',
      '/v1/acl/policy',
      { Name: 'a b' },
      "500 Invalid Policy: invalid Name. Only alphanumeric characters, '-' and '_' are allowed",
    ],
    [
      'PUT',
      '/v1/acl/policy',
      { Name: 'GLOBAL-management' },
      '500 Invalid Policy: A Policy with Name "GLOBAL-management" already exists',
    ],
    [
      'PUT',
      '/v1/acl/policy/00000000-0000-0000-0000-000000000001',
      { Name: 'global-management', Rules: '' },
      '500 Changing the Rules for the builtin global-management policy is not permitted',
    ],
    [
      'DELETE',
      '/v1/acl/policy/00000000-0000-0000-0000-000000000001',
      undefined,
      '500 Delete operation not permitted on the builtin global-management policy',
    ],
    ['PUT', '/v1/acl/role', { Name: 'writer' }, '500 Invalid Role: A Role with Name "writer" already exists'],
    ['DELETE', '/v1/acl/role/none', undefined, '404 Cannot find role to delete'],
  ] as const) {
    const { status, text } = await ask(method, path, MASTER, body)
    assert.equal(`${status} ${text}`, expected)
  }
})

test('the anonymous token may be given rights; a default token stands in its place', async () => {
  await using closed = await closedRegistry()
  await closed.makePolicy('see', 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }')
  await closed.asMaster('PUT', '/v1/acl/token/00000000-0000-0000-0000-000000000002', { Policies: [{ Name: 'see' }] })
  assert.deepEqual((await closed.get('/v1/catalog/services')).json(), { consul: [] })
  await using other = await closedRegistry({ acl: { initialManagement: MASTER, defaultToken: MASTER } })
  assert.deepEqual((await other.get('/v1/catalog/services')).json(), { consul: [] })
  assert.equal((await other.ask('GET', '/v1/agent/self', '33333333-3333-3333-3333-333333333333')).status, 403)
})

test('the token for requests without one can be set while it runs', async () => {
  await using closed = await closedRegistry()
  const seen = async () => Object.keys((await closed.get('/v1/catalog/services')).json() as Json)
  assert.deepEqual(await seen(), [])
  await closed.asMaster('PUT', '/v1/agent/token/default', { Token: MASTER })
  assert.deepEqual(await seen(), ['consul'])
  await closed.asMaster('PUT', '/v1/agent/token/default', { Token: '' })
  assert.deepEqual(await seen(), [])
})

test('default allow: everything but ACLs, unless a rule denies it', async () => {
  await using closed = await closedRegistry({ acl: { initialManagement: MASTER, defaultPolicy: 'allow' } })
  assert.equal((await closed.put('/v1/kv/a', 'x')).text, 'true')
  assert.equal((await closed.get('/v1/acl/tokens')).status, 403)
  const { SecretID } = await closed.tokenWith('no', 'key "a" { policy = "deny" }')
  assert.equal((await closed.ask('GET', '/v1/kv/a', SecretID)).status, 403)
  assert.equal((await closed.ask('PUT', '/v1/kv/b', SecretID, 'x')).text, 'true')
  assert.equal((await closed.get('/v1/kv/a')).headers.get('x-consul-default-acl-policy'), 'allow')
})

test('with the list policy on, listing keys is a right of its own', async () => {
  await using closed = await closedRegistry({ acl: { initialManagement: MASTER, keyListPolicy: true } })
  await closed.asMaster('PUT', '/v1/kv/a/b', 'x')
  const reads = await closed.tokenWith('reads', 'key_prefix "a/" { policy = "read" }')
  const lists = await closed.tokenWith('lists', 'key_prefix "a/" { policy = "list" }')
  const refused = await closed.ask('GET', '/v1/kv/a/?keys', reads.SecretID)
  assert.equal(
    `${refused.status} ${refused.text}`,
    `403 Permission denied: token with AccessorID '${reads.AccessorID}' lacks permission 'key:list' on "a/"`,
  )
  assert.deepEqual((await closed.ask('GET', '/v1/kv/a/?keys', lists.SecretID)).json(), ['a/b'])
  assert.equal((await closed.ask('GET', '/v1/kv/a/?recurse', lists.SecretID)).status, 200)
})

test('identities: a service registers itself and finds all, a node is its own', async () => {
  await using closed = await closedRegistry()
  const { SecretID: web } = await closed.makeToken('web', { ServiceIdentities: [{ ServiceName: 'web' }] })
  assert.equal((await closed.ask('PUT', '/v1/agent/service/register', web, { Name: 'web' })).status, 200)
  assert.equal((await closed.ask('PUT', '/v1/agent/service/register', web, { Name: 'web-sidecar-proxy' })).status, 200)
  assert.equal((await closed.ask('PUT', '/v1/agent/service/register', web, { Name: 'api' })).status, 403)
  assert.deepEqual(Object.keys((await closed.ask('GET', '/v1/catalog/services', web)).json() as Json), [
    'consul',
    'web',
    'web-sidecar-proxy',
  ])
  const elsewhere = await closed.makeToken('far', { ServiceIdentities: [{ ServiceName: 'web', Datacenters: ['dc2'] }] })
  assert.equal((await closed.ask('PUT', '/v1/agent/service/register', elsewhere.SecretID, { Name: 'web' })).status, 403)
  const node = await closed.makeToken('n', { NodeIdentities: [{ NodeName: 'n2', Datacenter: 'dc1' }] })
  const ext = { Node: 'n2', Address: '10.0.0.2' }
  assert.equal((await closed.ask('PUT', '/v1/catalog/register', node.SecretID, ext)).text, 'true')
  assert.equal((await closed.ask('PUT', '/v1/catalog/register', node.SecretID, { ...ext, Node: 'n3' })).status, 403)
})

test('a node with the ID of another one takes that one’s name away, and needs the right to it', async () => {
  await using closed = await closedRegistry()
  const ID = '11111111-2222-3333-4444-555555555555'
  const victim = { Node: 'victim', Address: '10.0.0.1', ID, Service: { Service: 'web' } }
  await closed.asMaster('PUT', '/v1/catalog/register', victim)
  const mine = await closed.makeToken('n', { NodeIdentities: [{ NodeName: 'mine', Datacenter: 'dc1' }] })
  const taking = { Node: 'mine', Address: '10.0.0.2' }
  assert.equal((await closed.ask('PUT', '/v1/catalog/register', mine.SecretID, taking)).text, 'true')
  assert.equal((await closed.ask('PUT', '/v1/catalog/register', mine.SecretID, { ...taking, ID })).status, 403)
  const inTxn = [{ Node: { Verb: 'set', Node: { ...taking, ID } } }]
  assert.equal((await closed.ask('PUT', '/v1/txn', mine.SecretID, inTxn)).status, 409)
  const [found] = (await closed.asMaster('GET', '/v1/catalog/service/web')).json() as Json[]
  assert.equal(found!['Node'], 'victim')
  assert.equal((await closed.asMaster('PUT', '/v1/catalog/register', { ...taking, ID })).text, 'true')
})

test('a held query wakes when the rights of its token change, and nobody else does', async () => {
  await using closed = await closedRegistry()
  await closed.asMaster('PUT', '/v1/agent/service/register', { Name: 'api' })
  const policy = (await closed.makePolicy('p', 'node_prefix "" { policy = "read" }')).json() as Json
  const { SecretID } = await closed.makeToken('t', { Policies: [{ Name: 'p' }] })
  const first = await closed.ask('GET', '/v1/health/service/api', SecretID)
  assert.deepEqual([first.json(), first.headers.get('x-consul-results-filtered-by-acls')], [[], 'true'])
  const held = closed.ask('GET', `/v1/health/service/api?index=${first.index}&wait=60s`, SecretID)
  const master = await closed.asMaster('GET', '/v1/health/service/api')
  let others = 0
  const stop = new AbortController()
  const watch = closed
    .get(`/v1/health/service/api?index=${master.index}&wait=60s`, undefined, { 'x-consul-token': MASTER }, stop.signal)
    .then(
      () => others++,
      () => {},
    )
  await closed.asMaster('PUT', `/v1/acl/policy/${policy['ID']}`, {
    Name: 'p',
    Rules: 'node_prefix "" { policy = "read" } service "api" { policy = "read" }',
  })
  const woken = await held
  assert.equal((woken.json() as Json[]).length, 1)
  assert.ok(woken.index > first.index)
  assert.equal(others, 0)
  stop.abort()
  await watch
})

test('a held query ends when its token is deleted', async () => {
  await using closed = await closedRegistry()
  const { SecretID, AccessorID } = await closed.tokenWith('t', 'key_prefix "" { policy = "read" }')
  const { index } = await closed.ask('GET', '/v1/kv/?keys', SecretID)
  const held = closed.ask('GET', `/v1/kv/?keys&index=${index}&wait=60s`, SecretID)
  await closed.ask('GET', '/v1/kv/?keys', SecretID)
  await closed.asMaster('DELETE', `/v1/acl/token/${AccessorID}`)
  const { status, text } = await held
  assert.equal(`${status} ${text}`, '403 ACL not found')
})

test('an expired token is refused at once, and then removed', async () => {
  const clock = new VirtualClock()
  await using closed = await closedRegistry({ clock })
  const made = await closed.makeToken('short', { ExpirationTTL: '60s', Policies: [{ Name: 'global-management' }] })
  assert.equal((await closed.ask('GET', '/v1/agent/self', made.SecretID)).status, 200)
  const { index } = await closed.asMaster('GET', '/v1/acl/tokens')
  const removed = closed.ask('GET', `/v1/acl/tokens?index=${index}&wait=10m`, MASTER)
  await closed.asMaster('GET', '/v1/agent/self')
  clock.advance(60_000)
  assert.equal((await closed.ask('GET', '/v1/agent/self', made.SecretID)).text, 'ACL not found')
  const left = ((await removed).json() as Json[]).map((one) => one['AccessorID'])
  assert.ok(!left.includes(made.AccessorID))
})

test('SQLite: everything is there after a restart, and no secret is in the file', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-acl-'))
  const storage = { sqlite: path.join(dir, 'registry.db') }
  try {
    let made: Made
    {
      await using closed = await closedRegistry({ storage })
      made = await closed.tokenWith('keys', 'key_prefix "" { policy = "write" }')
    }
    const files = readdirSync(dir)
      .map((name) => readFileSync(path.join(dir, name), 'latin1'))
      .join('')
    assert.ok(files.includes(made.AccessorID))
    for (const secret of [MASTER, made.SecretID]) assert.ok(!files.includes(secret))
    await using again = await closedRegistry({ storage })
    assert.equal((await again.ask('PUT', '/v1/kv/a', made.SecretID, 'x')).text, 'true')
    assert.equal(((await again.asMaster('GET', '/v1/acl/tokens')).json() as Json[]).length, 3)
    assert.equal((await again.put('/v1/acl/bootstrap')).status, 403)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('history names the token by accessor and description; log and history know no secret', async () => {
  const lines: string[] = []
  const log = createLogger({}, 'trace', { write: (line: string) => void lines.push(line) })
  await using closed = await closedRegistry({ log })
  const made = await closed.tokenWith(
    'deployer',
    'service "web" { policy = "write" } service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }',
  )
  await closed.ask('PUT', `/v1/agent/service/register?token=${made.SecretID}`, undefined, { Name: 'web' })
  await closed.ask('PUT', `/v1/agent/service/register?token=${made.SecretID}`, undefined, { Name: 'other' })
  const [entry] = (await closed.ask('GET', '/v1/skein/history?service=web', made.SecretID)).json() as Json[]
  assert.deepEqual([entry?.['Token'], entry?.['TokenName'], entry?.['Kind']], [made.AccessorID, 'deployer', 'register'])
  const aclEntries = async (token: string) =>
    ((await closed.ask('GET', '/v1/skein/history?kind=acl', token)).json() as Json[]).map(({ Acl, Detail }) => [
      Acl,
      Detail,
    ])
  assert.deepEqual((await aclEntries(MASTER)).at(-1), [`token ${made.AccessorID}`, 'created: deployer'])
  assert.deepEqual(await aclEntries(made.SecretID), [])
  const all = lines.join('') + (await closed.asMaster('GET', '/v1/skein/history?last=1000')).text
  for (const secret of [MASTER, made.SecretID]) assert.ok(!all.includes(secret))
})

test('a prepared query has the rights of its token, whoever asks', async () => {
  await using closed = await closedRegistry()
  await closed.asMaster('PUT', '/v1/agent/service/register', { Name: 'web' })
  const sees = await closed.tokenWith('sees', 'service "web" { policy = "read" } node_prefix "" { policy = "read" }')
  const { ID } = (
    await closed.asMaster('POST', '/v1/query', { Name: 'q', Token: sees.SecretID, Service: { Service: 'web' } })
  ).json() as { ID: string }
  const [shown] = (await closed.asMaster('GET', `/v1/query/${ID}`)).json() as Json[]
  assert.equal(shown?.['Token'], '<hidden>')
  assert.equal(((await closed.get('/v1/query/q/execute')).json() as { Nodes: Json[] }).Nodes.length, 1)
  await closed.asMaster('PUT', `/v1/query/${ID}`, { Name: 'q', Token: '<hidden>', Service: { Service: 'web' } })
  assert.equal(((await closed.get('/v1/query/q/execute')).json() as { Nodes: Json[] }).Nodes.length, 1)
  await closed.asMaster('PUT', `/v1/query/${ID}`, { Name: 'q', Service: { Service: 'web' } })
  assert.equal(((await closed.get('/v1/query/q/execute')).json() as { Nodes: Json[] }).Nodes.length, 0)
})

test('event streams show what the token may see, and end when its rights change', async () => {
  await using closed = await closedRegistry()
  for (const name of ['web', 'api']) await closed.asMaster('PUT', '/v1/agent/service/register', { Name: name })
  const made = await closed.tokenWith('web', 'service "web" { policy = "read" } node_prefix "" { policy = "read" }')
  const stream = closed.ask('GET', '/v1/skein/events', made.SecretID)
  const { index } = await closed.asMaster('GET', '/v1/kv/?keys')
  assert.ok(index > 0)
  await closed.asMaster('PUT', '/v1/agent/service/register', { Name: 'web', Port: 1 })
  await closed.asMaster('PUT', '/v1/agent/service/register', { Name: 'api', Port: 1 })
  await closed.asMaster('PUT', `/v1/acl/token/${made.AccessorID}`, {})
  const { text } = await stream
  assert.match(text, /"Service":"web","Instances":\[\{/)
  assert.match(text, /event: instance\nid: \S+\ndata: \{"Service":"web"/)
  assert.ok(!text.includes('"ID":"api"'), text)
})

test('a check of another service cannot be taken over by its ID', async () => {
  await using closed = await closedRegistry()
  const check = { CheckID: 'shared', TTL: '10m', Status: 'passing' }
  await closed.asMaster('PUT', '/v1/agent/service/register', { Name: 'api', Check: check })
  const web = await closed.tokenWith('web', 'service "web" { policy = "write" }')
  const register = (Check: object) =>
    closed.ask('PUT', '/v1/agent/service/register', web.SecretID, { Name: 'web', Check })
  const refused = await register({ ...check, Status: 'critical' })
  assert.match(`${refused.status} ${refused.text}`, /^403 .* lacks permission 'service:write' on "api"$/)
  assert.equal((await register({ ...check, CheckID: 'own' })).status, 200)
  assert.match((await closed.asMaster('GET', '/v1/health/service/api?passing')).text, /"shared"/)
})

test('on a network the first token is not for whoever comes first', async () => {
  const own = 'of the operator'
  await using closed = await closedRegistry({ host: '0.0.0.0', acl: { ownToken: own } })
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.internal === false && one.family === 'IPv4')
  if (outside === undefined) return
  const bootstrap = async (host: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(`http://${host}:${closed.port}/v1/acl/bootstrap`, { method: 'PUT', headers })
    return `${answer.status} ${await answer.text()}`
  }
  assert.match(await bootstrap(outside.address), /^403 .*made on the registry's own machine.*SKEIN_REGISTRY_TOKEN/)
  assert.match(await bootstrap(outside.address, { 'x-consul-token': own }), /^200 /)
  assert.match(await bootstrap(outside.address), /^403 .*no longer allowed/)
  await using other = await closedRegistry({ host: '0.0.0.0', acl: {} })
  assert.equal((await fetch(`http://127.0.0.1:${other.port}/v1/acl/bootstrap`, { method: 'PUT' })).status, 200)
})

test('an alias tells nothing of what its maker may not see', async () => {
  await using closed = await closedRegistry()
  await closed.asMaster('PUT', '/v1/agent/service/register', { Name: 'api' })
  const web = await closed.tokenWith('web', 'service "web" { policy = "write" }')
  const alias = { Name: 'a', AliasService: 'api' }
  const register = (body: object) => closed.ask('PUT', '/v1/agent/service/register', web.SecretID, body)
  assert.equal((await register({ Name: 'web' })).status, 200)
  assert.match((await register({ Name: 'web', Check: alias })).text, /lacks permission 'service:read' on "api"/)
  const check = await closed.ask('PUT', '/v1/agent/check/register', web.SecretID, { ...alias, ServiceID: 'web' })
  assert.match(check.text, /lacks permission 'service:read' on "api"/)
  assert.equal((await register({ Name: 'web', Check: { Name: 'a', AliasService: 'web' } })).status, 200)
})
