import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { ABSENT_COMMANDS, CONSUL_COMMANDS } from './commands.ts'
import { consulKit } from './consul-kit.fixture.ts'
import { parseFlags } from './flags.ts'

let kit: Awaited<ReturnType<typeof consulKit>>
before(async () => {
  kit = await consulKit()
})
after(() => kit[Symbol.asyncDispose]())

const run = (...argv: string[]) => kit.run(argv)
/** What an endpoint of the registry answers. */
async function ask<T>(path: string): Promise<T> {
  return (await (await fetch(`${kit.registry.url}/v1/agent/${path}`)).json()) as T
}

const out = async (...argv: string[]) => (await run(...argv)).stdout

describe('help and the unknown', () => {
  test('the overview names every sub-command; without one the status is 127, as in Consul', async () => {
    const { status, stdout } = await run('-help')
    assert.equal(status, 0)
    for (const { name } of CONSUL_COMMANDS) assert.ok(stdout.includes(`\n  ${name} `), name)
    assert.deepEqual([(await run()).status, (await run('bogus')).status], [127, 127])
  })

  test('a group shows its own', async () => {
    const { status, stderr } = await run('kv')
    assert.equal(status, 1)
    assert.match(stderr, /kv get/)
    assert.doesNotMatch(stderr, /members/)
  })

  test('a group that is asked for help shows it with status 0', async () => {
    for (const argv of [
      ['kv', '-h'],
      ['acl', 'token', '--help'],
      ['acl', '-help'],
    ]) {
      const { status, stdout, stderr } = await run(...argv)
      assert.deepEqual([status, stderr], [0, ''], argv.join(' '))
      assert.ok(stdout.startsWith(`Usage: consul ${argv.slice(0, -1).join(' ')} <subcommand>`), stdout)
    }
  })

  test('a word that nobody knows is named, with the one that was meant', async () => {
    assert.match((await run('bogus')).stderr, /^Unknown command: bogus\n/)
    assert.match((await run('membres')).stderr, /^Unknown command: membres; did you mean consul members\?\n/)
    assert.match(
      (await run('acl', 'token', 'lsit')).stderr,
      /^Unknown command: acl token lsit; did you mean consul acl token list\?\n/,
    )
    assert.doesNotMatch((await run('acl', 'token')).stderr, /Unknown/)
  })

  test('what Consul has and Skein has not is said', async () => {
    const { status, stderr } = await run('login', '-method=x')
    assert.equal(status, 1)
    assert.match(stderr, /^consul login: Skein does not offer this: there are no auth methods/)
    assert.equal((await run('constructor')).status, 127)
  })

  test('and stands in the page for those who come from Consul', () => {
    const page = readFileSync(new URL('../../../docs/consul.md', import.meta.url), 'utf8')
    const missing = page.slice(page.indexOf('## What is missing'))
    for (const name of Object.keys(ABSENT_COMMANDS)) assert.ok(missing.includes(`\`${name}\``), name)
  })

  for (const { name, load } of CONSUL_COMMANDS) {
    test(`of ${name}, with examples in flags that it has`, async () => {
      const { status, stdout, stderr } = await run(...name.split(' '), '-h')
      assert.deepEqual([status, stderr], [0, ''])
      assert.ok(stdout.startsWith(`Usage: consul ${name}`))
      const { examples, flags } = (await load()).default
      assert.ok(examples.length > 0)
      for (const line of examples) {
        assert.ok(stdout.includes(`\n  consul ${line}`) && line.startsWith(name), line)
        parseFlags(line.slice(name.length).match(/'[^']*'|[^\s']+(?:'[^']*')?/g) ?? [], flags)
      }
    })
  }
})

test('version, for people and programs', async () => {
  for (const argv of [['version'], ['-v'], ['--version']])
    assert.match(await out(...argv), /^Consul v\d+\.\d+\.\d+\nSkein v\d+\.\d+\.\d+/)
  const json = JSON.parse(await out('version', '-format=json'))
  assert.match(json.Version, /^\d+\.\d+\.\d+$/)
  assert.deepEqual(json.RPC, { Default: 2, Min: 2, Max: 3 })
  assert.equal((await run('version', '-format', 'xml')).stderr, 'Unknown format: xml\n')
})

test('members', async () => {
  const [head, row, end] = (await out('members')).split('\n')
  assert.match(head!, /^Node {3}Address {9}Status {2}Type {4}Build {3}Protocol {2}DC {3}Partition {2}Segment$/)
  assert.match(row!, /^node1 {2}127\.0\.0\.1:8301 {2}alive {3}server {2}[\d.]+ {2}2 {9}dc1 {2}default {4}<all>$/)
  assert.equal(end, '')
  assert.match(await out('members', '-detailed'), /^Node.*Tags\nnode1.*,build=[\d.]+:,dc=dc1,/)
  assert.deepEqual(
    [(await run('members', '-status=failed')).status, (await run('members', '-status=al')).status],
    [2, 0],
  )
  assert.match((await run('members', '-status=(')).stderr, /^Failed to compile status regexp/)
})

test('catalog', async () => {
  await run('services', 'register', '-name=redis', '-tag=v1', '-tag=primary')
  assert.equal(await out('catalog', 'datacenters'), 'dc1\n')
  assert.equal(await out('catalog', 'services'), 'consul\nredis\n')
  assert.equal(await out('catalog', 'services', '-tags'), 'consul\nredis       primary,v1\n')
  assert.equal(await out('catalog', 'services', '-node=node1'), 'consul\nredis\n')
  assert.match(
    await out('catalog', 'nodes'),
    /^Node {3}ID {8}Address {4}DC\nnode1 {2}[0-9a-f]{8} {2}127\.0\.0\.1 {2}dc1\n$/,
  )
  assert.match(
    await out('catalog', 'nodes', '-detailed'),
    /TaggedAddresses.*Meta\nnode1 {2}[0-9a-f-]{36} .*lan=127\.0\.0\.1, /,
  )
  assert.match(await out('catalog', 'nodes', '-service=redis'), /\nnode1 /)
  const none = await run('catalog', 'nodes', '-service=none')
  assert.deepEqual([none.status, none.stdout], [0, ''])
  assert.match(none.stderr, /^No nodes match the given query/)
  assert.match((await run('catalog', 'services', '-node=none')).stderr, /^No services match the given query/)
  assert.match((await run('catalog', 'nodes', '-node-meta=x')).stderr, /^-node-meta x: write key=value/)
  await run('services', 'deregister', '-id=redis')
})

interface Web {
  readonly Service: string
  readonly Port: number
  readonly Address: string
  readonly Meta: object
  readonly TaggedAddresses: { readonly lan: object }
}

describe('services', () => {
  const services = async () => Object.keys(await ask<object>('services'))

  test('by flags', async () => {
    const flags = ['-id=web-1', '-port', '80', '-address=10.0.0.1', '-meta=a=b=c', '-tagged-address=lan=10.0.0.2:81']
    assert.equal(await out('services', 'register', '-name=web', ...flags), 'Registered service: web\n')
    const web = await ask<Web>('service/web-1')
    assert.deepEqual([web.Service, web.Port, web.Address, web.Meta], ['web', 80, '10.0.0.1', { a: 'b=c' }])
    assert.deepEqual(web.TaggedAddresses.lan, { Address: '10.0.0.2', Port: 81 })
    assert.equal(await out('services', 'deregister', '-id=web-1'), 'Deregistered service: web-1\n')
    const again = await run('services', 'deregister', '-id=web-1')
    assert.equal(again.status, 1)
    assert.match(
      again.stderr,
      /^Error deregistering service "web-1": Unexpected response code: 404 \(Unknown service ID/,
    )
  })

  test("by files, in the configuration's spelling", async () => {
    const check = { id: 'beat', ttl: '10s', deregister_critical_service_after: '90m', status: 'passing', bogus: 1 }
    kit.write('two.json', {
      services: [
        { name: 'a', enable_tag_override: true, check },
        { id: 'b1', name: 'b' },
      ],
    })
    const { stdout, stderr } = await run('services', 'register', 'two.json')
    assert.equal(stdout, 'Registered service: a\nRegistered service: b\n')
    assert.equal(stderr, 'Warning: two.json: unknown key services[0].checks[0].bogus has no effect\n')
    assert.deepEqual(await services(), ['a', 'b1'])
    const checks = await ask<{ beat: { ServiceID: string } }>('checks')
    assert.equal(checks.beat.ServiceID, 'a')
    assert.equal(await out('services', 'deregister', 'two.json'), 'Deregistered service: a\nDeregistered service: b1\n')
    assert.deepEqual(await services(), [])
  })

  test('what cannot be is refused with status 1', async () => {
    kit.write('mesh.json', { service: { name: 'm', connect: { sidecar_service: {} } } })
    assert.match(
      (await run('services', 'register', 'mesh.json')).stderr,
      /^Error registering service "m": .*service mesh/,
    )
    assert.match((await run('services', 'register')).stderr, /requires at least one argument or flags/)
    assert.match((await run('services', 'register', '-name=x', 'mesh.json')).stderr, /not both/)
    assert.match((await run('services', 'deregister')).stderr, /requires at least one argument or -id/)
    assert.match((await run('services', 'register', 'gone.json')).stderr, /gone\.json/)
  })
})

test('force-leave: the one member stays, others are unknown', async () => {
  const itself = await run('force-leave', '-prune', 'node1')
  assert.deepEqual([itself.status, itself.stdout, itself.stderr], [0, '', ''])
  const other = await run('force-leave', 'node2')
  assert.equal(other.status, 1)
  assert.match(other.stderr, /^Error force leaving: .*No node found with name 'node2'/)
  assert.match((await run('force-leave')).stderr, /^A single node name must be specified/)
})

test('maint: the node, a service, and who is out', async () => {
  await run('services', 'register', '-name=m')
  assert.equal(await out('maint'), '')
  assert.equal(await out('maint', '-enable', '-reason=disk'), 'Node maintenance is now enabled\n')
  assert.equal(await out('maint', '-enable', '-service=m'), 'Service maintenance is now enabled for "m"\n')
  const shown = await out('maint')
  assert.match(shown, /Node:\n {2}Name: {3}node1\n {2}Reason: disk\n\n/)
  assert.match(shown, /Service:\n {2}ID: {5}m\n {2}Reason: Maintenance mode is enabled for this service/)
  assert.equal(await out('maint', '-disable'), 'Node maintenance is now disabled\n')
  assert.equal(await out('maint', '-disable', '-service=m'), 'Service maintenance is now disabled for "m"\n')
  assert.equal(await out('maint'), '')
  assert.equal((await run('maint', '-enable', '-disable')).status, 1)
  assert.match((await run('maint', '-service=m')).stderr, /^Service requires either/)
  assert.match((await run('maint', '-enable', '-service=none')).stderr, /404 \(Unknown service ID/)
})

test('info', async () => {
  assert.match(await out('info'), /^agent:\n\tchecks = \d+\n\tservices = \d+\nbuild:\n[\s\S]*\nconsul:\n\tacl = /)
})

test('leave and reload want an agent', async () => {
  for (const name of ['leave', 'reload']) {
    const { status, stderr } = await run(name)
    assert.equal(status, 1)
    assert.match(stderr, /not started by `consul agent`/)
  }
})

test('the token: flag, file, environment', async () => {
  await using guarded = await consulKit({ token: 'secret' })
  guarded.write('token', 'secret\n')
  const status = async (argv: string[], env = {}) =>
    (await guarded.run(['catalog', 'services', ...argv], { env })).status
  assert.equal(await status([]), 1)
  assert.equal(await status(['-token=wrong']), 1)
  assert.equal(await status(['-token=secret']), 0)
  assert.equal(await status(['-token-file=token']), 0)
  assert.equal(await status([], { CONSUL_HTTP_TOKEN: 'secret' }), 0)
  assert.equal(await status([], { CONSUL_HTTP_TOKEN_FILE: 'token' }), 0)
  assert.equal(await status([], { SKEIN_REGISTRY_TOKEN: 'secret' }), 0)
})

test('the address: flag before CONSUL_HTTP_ADDR before SKEIN_REGISTRY', async () => {
  const { url, port } = kit.registry
  const nowhere = '127.0.0.1:1'
  const status = async (flags: string[], env: Record<string, string>) =>
    (await kit.run(['catalog', 'datacenters', ...flags], { env })).status
  assert.equal(await status([`-http-addr=${url}/`], { CONSUL_HTTP_ADDR: nowhere }), 0)
  assert.equal(await status([`-http-addr=localhost:${port}`], {}), 0)
  assert.equal(await status([`-http-addr=${nowhere},127.0.0.1:${port}`], {}), 0)
  assert.equal(await status([], { CONSUL_HTTP_ADDR: nowhere, SKEIN_REGISTRY: url }), 1)
  assert.equal(await status([], { CONSUL_HTTP_ADDR: '', SKEIN_REGISTRY: url }), 0)
})
