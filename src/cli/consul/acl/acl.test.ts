/** `consul acl …` against a closed registry: what scripts read, and that the token gets there by every way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consulKit } from '../consul-kit.fixture.ts'

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const field = (text: string, name: string) => new RegExp(`^${name}: +(\\S.*)$`, 'm').exec(text)?.[1] ?? ''

async function closedKit() {
  const kit = await consulKit({ acl: {} })
  const made = await kit.run(['acl', 'bootstrap'])
  assert.equal(made.status, 0, made.stderr)
  const master = field(made.stdout, 'SecretID')
  const consul = async (...argv: string[]) => {
    const { status, stdout, stderr } = await kit.run(argv, { env: { CONSUL_HTTP_TOKEN: master } })
    assert.equal(status, 0, `${argv.join(' ')}: ${stderr}`)
    return stdout
  }
  return { ...kit, master, consul, [Symbol.asyncDispose]: () => kit[Symbol.asyncDispose]() }
}

test('bootstrap shows the token as Consul does, once', async () => {
  await using kit = await consulKit({ acl: {} })
  const { stdout } = await kit.run(['acl', 'bootstrap'])
  assert.match(
    stdout,
    new RegExp(
      `^AccessorID:       ${UUID}\nSecretID:         ${UUID}\nDescription:      Bootstrap Token \\(Global Management\\)\n` +
        'Local:            false\nCreate Time:      \\S+\nPolicies:\n   00000000-0000-0000-0000-000000000001 - global-management\n$',
    ),
  )
  const again = await kit.run(['acl', 'bootstrap'])
  assert.equal(again.status, 1)
  assert.match(again.stderr, /403 \(Permission denied: ACL bootstrap no longer allowed \(reset index: \d+\)\)/)
  await using other = await consulKit({ acl: {} })
  const secret = '12345678-1234-1234-1234-123456789abc'
  assert.equal(field((await other.run(['acl', 'bootstrap', '-'], { stdin: `${secret}\n` })).stdout, 'SecretID'), secret)
})

test('policies: created from a file, read, changed, listed, deleted', async () => {
  await using kit = await closedKit()
  const { consul } = kit
  kit.write('rules.hcl', 'key_prefix "a/" { policy = "read" }')
  const made = await consul('acl', 'policy', 'create', '-name=keys', '-description=d', '-rules=@rules.hcl')
  assert.match(
    made,
    new RegExp(
      `^ID:           ${UUID}\nName:         keys\nDescription:  d\nDatacenters:\nRules:\nkey_prefix "a/" \\{ policy = "read" \\}\n$`,
    ),
  )
  const id = field(made, 'ID')
  assert.equal(await consul('acl', 'policy', 'read', '-name=keys'), made)
  assert.equal(await consul('acl', 'policy', 'read', `-id=${id.slice(0, 8)}`), made)
  const updated = await consul('acl', 'policy', 'update', `-id=${id}`, '-name=renamed')
  assert.deepEqual([field(updated, 'Name'), field(updated, 'Description')], ['renamed', 'd'])
  assert.match(
    await consul('acl', 'policy', 'list'),
    /^global-management:\n {3}ID: {11}00000000-0000-0000-0000-000000000001\n/,
  )
  const [, , last] = JSON.parse(await consul('acl', 'policy', 'list', '-format=json')) as { Name: string }[]
  assert.equal(last?.Name, 'renamed')
  assert.equal(await consul('acl', 'policy', 'delete', '-name=renamed'), `Policy "${id}" deleted successfully\n`)
  const bad = await kit.run(['acl', 'policy', 'create', '-name=x', '-rules=key "', `-token=${kit.master}`])
  assert.match(
    bad.stderr,
    /500 \(Failed to parse ACL rules: At 1:5: literal not terminated\)|At 1:5: literal not terminated/,
  )
})

test('tokens and roles: created, read, changed, cloned, listed, deleted', async () => {
  await using kit = await closedKit()
  const { consul } = kit
  await consul('acl', 'policy', 'create', '-name=keys', '-rules=key_prefix "" { policy = "write" }')
  const role = await consul('acl', 'role', 'create', '-name=writer', '-policy-name=keys', '-service-identity=web:dc1')
  assert.match(role, /Policies:\n {3}\S+ - keys\nService Identities:\n {3}web \(Datacenters: dc1\)\n$/)
  const made = await consul('acl', 'token', 'create', '-description=t', '-role-name=writer', '-node-identity=n1:dc1')
  assert.match(made, /Node Identities:\n {3}n1 \(Datacenter: dc1\)\nRoles:\n {3}\S+ - writer\n$/)
  const [accessor, secret] = [field(made, 'AccessorID'), field(made, 'SecretID')]
  const read = await consul('acl', 'token', 'read', `-id=${accessor}`)
  assert.equal(read, made.replace(secret, '<hidden>'))
  const self = await kit.run(['acl', 'token', 'read', '-self', `-token=${secret}`])
  assert.equal(field(self.stdout, 'SecretID'), secret)
  const updated = await consul('acl', 'token', 'update', `-accessor-id=${accessor}`, '-append-policy-name=keys')
  assert.match(
    updated,
    /Policies:\n {3}\S+ - keys\nNode Identities:\n {3}n1 \(Datacenter: dc1\)\nRoles:\n {3}\S+ - writer\n$/,
  )
  const expanded = await consul('acl', 'token', 'read', `-id=${accessor}`, '-expanded')
  assert.match(expanded, /Rules:\nkey_prefix "" \{ policy = "write" \}\n$/)
  const clone = await consul('acl', 'token', 'clone', `-id=${accessor}`, '-description=copy')
  assert.equal(field(clone, 'Description'), 'copy')
  assert.equal((await consul('acl', 'token', 'list')).match(/^AccessorID:/gm)?.length, 4)
  await consul('acl', 'role', 'update', '-name=writer', '-no-merge', '-description=empty')
  assert.doesNotMatch(await consul('acl', 'role', 'read', '-name=writer'), /Policies/)
  assert.match(await consul('acl', 'role', 'list', '-meta'), /^writer:\n {3}ID: [\s\S]*Modify Index: \d+\n$/)
  assert.equal(await consul('acl', 'token', 'delete', `-id=${accessor}`), `Token "${accessor}" deleted successfully\n`)
  const roleId = field(role, 'ID')
  assert.equal(await consul('acl', 'role', 'delete', `-id=${roleId}`), `Role "${roleId}" deleted successfully\n`)
})

test('set-agent-token, as every guide has it', async () => {
  await using kit = await closedKit()
  assert.equal(await kit.consul('acl', 'set-agent-token', 'agent', kit.master), 'ACL token "agent" set successfully\n')
  assert.equal((await kit.run(['catalog', 'services'])).stdout, '')
  await kit.consul('acl', 'set-agent-token', 'default', kit.master)
  assert.equal((await kit.run(['catalog', 'services'])).stdout, 'consul\n')
  assert.equal((await kit.run(['acl', 'set-agent-token', 'agent'])).status, 1)
})

test('the token by flag, file, environment and Skein’s own variable; without one the refusal is shown', async () => {
  await using kit = await closedKit()
  const file = kit.write('token', `${kit.master}\n`)
  const put = ['kv', 'put', 'a', 'x']
  const ways = [
    { argv: ['kv', 'put', `-token=${kit.master}`, 'a', 'x'], env: {} },
    { argv: ['kv', 'put', `-token-file=${file}`, 'a', 'x'], env: {} },
    { argv: put, env: { CONSUL_HTTP_TOKEN: kit.master } },
    { argv: put, env: { CONSUL_HTTP_TOKEN_FILE: file } },
    { argv: put, env: { SKEIN_REGISTRY_TOKEN: kit.master } },
  ]
  for (const { argv, env } of ways) {
    const { status, stderr } = await kit.run(argv, { env })
    assert.equal(status, 0, stderr)
  }
  const refused = await kit.run(put)
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /403 \(Permission denied: anonymous token lacks permission 'key:write' on "a"/)
})

test('with ACLs off the command says so', async () => {
  await using kit = await consulKit()
  const { status, stderr } = await kit.run(['acl', 'token', 'list'])
  assert.equal(`${status} ${stderr}`, '1 Unexpected response code: 401 (ACL support disabled)\n')
})
