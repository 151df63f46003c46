/** The agent as scripts see it: a process that is started, waited for, asked, told to reload and ended. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Consul from 'consul'
import { eventually, freePort, run } from '../../../../test/support/up.ts'

const SKEIN = fileURLToPath(new URL('../../../../bin/skein.js', import.meta.url))

let dir: string
let link: string
before(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'skein-agent-'))
  link = path.join(dir, 'consul')
  symlinkSync(SKEIN, link)
})
after(() => rmSync(dir, { recursive: true }))

interface Agent extends AsyncDisposable {
  readonly port: number
  readonly child: ChildProcess
  stdout(): string
  stderr(): string
  get<T>(path: string): Promise<T>
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<readonly [number | null, NodeJS.Signals | null]>
  end(signal?: NodeJS.Signals): Agent['ended']
}

/** Starts `consul agent` by the link and waits as scripts do, by polling status/leader. */
async function agent(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  onFirstWord = (_child: ChildProcess) => {},
): Promise<Agent> {
  const port = await freePort()
  const words = ['agent', `-http-port=${port}`, '-dns-port=-1', ...args]
  const child = spawn(process.execPath, [link, ...words], { cwd: dir, env: { ...process.env, ...env } })
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk)).once('data', () => onFirstWord(child))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const get = async <T>(path: string) => (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as T
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null) child.kill(signal)
    return ended
  }
  const dispose = async () => void (await end('SIGKILL'))
  try {
    await eventually(`agent serves: ${stderr}`, async () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${stderr}`)
      return (await get<string>('/v1/status/leader')) !== ''
    })
    await eventually('agent runs', async () => stdout.includes('Consul agent running!'))
  } catch (error) {
    await dispose()
    throw error
  }
  return { port, child, stdout: () => stdout, stderr: () => stderr, get, ended, end, [Symbol.asyncDispose]: dispose }
}

/** A line of the command, by the link, to its end. */
const consul = (...args: string[]) => run(process.execPath, [link, ...args], dir)

function write(name: string, content: unknown): string {
  mkdirSync(path.dirname(path.join(dir, name)), { recursive: true })
  writeFileSync(path.join(dir, name), typeof content === 'string' ? content : JSON.stringify(content))
  return name
}

const services = async (one: Agent) => Object.keys(await one.get<object>('/v1/agent/services'))

describe('consul agent', { timeout: 120_000 }, () => {
  test('HCL, and the shortest TTL of a session', async () => {
    const file = write('short.hcl', 'node_name = "hcl"\nsession_ttl_min = "2s"\nservice { name = "web" }')
    await using one = await agent(['-dev', `-config-file=${file}`])
    assert.deepEqual(await services(one), ['web'])
    const create = (TTL: string) =>
      fetch(`http://127.0.0.1:${one.port}/v1/session/create`, { method: 'PUT', body: JSON.stringify({ TTL }) })
    assert.equal((await create('2s')).status, 200)
    assert.match(await (await create('1s')).text(), /must be between \[2s=24h0m0s\]/)
  })

  test('consul watch, as a process that only waits, goes on until it is asked to end', async () => {
    await using one = await agent(['-dev'])
    const words = ['watch', `-http-addr=127.0.0.1:${one.port}`, '-type=key', '-key=k', 'cat']
    const child = spawn(process.execPath, [link, ...words], { cwd: dir })
    let stdout = ''
    child.stdout.on('data', (chunk) => (stdout += chunk))
    await eventually('the first state', async () => stdout === 'null\n')
    await fetch(`http://127.0.0.1:${one.port}/v1/kv/k`, { method: 'PUT', body: 'x' })
    await eventually('the second', async () => stdout.includes('"Value":"eA=="'))
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })

  test('-dev: serves, takes the flags of a Consul script, ends by SIGTERM with 0', async () => {
    const line =
      '-dev -server --bootstrap-expect=1 -node n1 -datacenter=east -bind 127.0.0.1 -client=127.0.0.1 -log-level warn -ui'
    await using one = await agent([
      ...line.split(' '),
      '-pid-file',
      'agent.pid',
      '-raft-multiplier',
      '3',
      '-retry-join=x',
    ])
    assert.equal(readFileSync(path.join(dir, 'agent.pid'), 'utf8'), `${one.child.pid}\n`)
    const { Config } = await one.get<{ Config: { NodeName: string; Datacenter: string } }>('/v1/agent/self')
    assert.deepEqual([Config.NodeName, Config.Datacenter], ['n1', 'east'])
    assert.deepEqual(one.stderr().trim().split('\n'), [
      "Warning: -ui has no effect: Consul's web pages are not served",
      'Warning: -retry-join has no effect: there is one registry and nothing to join',
      'Warning: unknown flag -raft-multiplier has no effect',
    ])
    assert.ok(one.stdout().includes(`Client Addr: [127.0.0.1] (HTTP: ${one.port}, HTTPS: -1, DNS: -1)`), one.stdout())
    assert.deepEqual(await one.end('SIGTERM'), [0, null])
    assert.equal(existsSync(path.join(dir, 'agent.pid')), false)
  })

  test('SIGHUP while it starts does not end it: the files are read again when it serves', async () => {
    await using one = await agent(['-dev'], {}, (child) => child.kill('SIGHUP'))
    await eventually('the reload', async () => one.stdout().includes('configuration read again'))
    assert.deepEqual(await one.end('SIGTERM'), [0, null])
  })

  test("npm's consul client, and the command by the link, find it", async () => {
    await using one = await agent(['-dev'])
    const client = new Consul({ host: '127.0.0.1', port: one.port })
    await client.agent.service.register({ name: 'web', id: 'web-1', port: 80, check: { ttl: '10s' } } as never)
    await client.agent.check.pass({ id: 'service:web-1' })
    const found = (await client.health.service({ service: 'web', passing: true })) as unknown[]
    assert.equal(found.length, 1)
    await client.kv.set('greeting', 'hello')
    const { code, stdout } = await consul('kv', 'get', `-http-addr=127.0.0.1:${one.port}`, 'greeting')
    assert.deepEqual([code, stdout], [0, 'hello\n'])
    assert.deepEqual(await one.end('SIGINT'), [0, null])
  })

  test('services and checks of the configuration; SIGHUP and reload read them again', async () => {
    write('etc/10-agent.json', { node_name: 'configured', session_ttl_min: '5s' })
    const web = { name: 'web', port: 80, check: { id: 'web-beat', ttl: '1h', status: 'passing' } }
    write('etc/20-web.json', { services: [web, { name: 'db', id: 'db-1' }], check: { name: 'disk', ttl: '1h' } })
    await using one = await agent(['-dev', '-config-dir=etc', '-hcl', '{"node_name": "last"}'])
    assert.deepEqual(await services(one), ['db-1', 'web'])
    const checks = await one.get<Record<string, { Node: string; Status: string }>>('/v1/agent/checks')
    assert.deepEqual([checks['disk']?.Node, checks['web-beat']?.Status], ['last', 'passing'])
    write('etc/20-web.json', { service: { ...web, check: undefined } })
    one.child.kill('SIGHUP')
    await eventually('db is gone', async () => (await services(one)).join() === 'web')
    await eventually('and the checks', async () => Object.keys(await one.get<object>('/v1/agent/checks')).length === 0)
    write('etc/30-new.json', { service: { name: 'new' } })
    assert.equal(
      (await consul('reload', `-http-addr=127.0.0.1:${one.port}`)).stdout,
      'Configuration reload triggered\n',
    )
    assert.deepEqual(await services(one), ['new', 'web'])
    write('etc/30-new.json', '{')
    const refused = await consul('reload', `-http-addr=127.0.0.1:${one.port}`)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /30-new\.json: this is no JSON/)
    assert.deepEqual(await services(one), ['new', 'web'])
    const left = await consul('leave', `-http-addr=127.0.0.1:${one.port}`)
    assert.deepEqual([left.code, left.stdout], [0, 'Graceful leave complete\n'])
    assert.deepEqual(await one.ended, [0, null])
  })

  test('watches of the configuration; a reload takes in new ones, and a handler at work holds up no end', async () => {
    const changed = { type: 'key', key: 'k', handler: 'cat >> changed.txt' }
    write('watches.json', { watches: [changed] })
    await using one = await agent(['-dev', '-config-file=watches.json'])
    const seen = (name: string) => readFileSync(path.join(dir, name), { encoding: 'utf8', flag: 'a+' })
    await eventually('the first state', async () => seen('changed.txt') === 'null\n')
    write('watches.json', { watches: [changed, { type: 'nodes', handler: 'echo x >> slow.txt; sleep 300; true' }] })
    one.child.kill('SIGHUP')
    await eventually('the new one', async () => seen('slow.txt') === 'x\n')
    await fetch(`http://127.0.0.1:${one.port}/v1/kv/k`, { method: 'PUT', body: 'x' })
    await eventually('the second', async () => seen('changed.txt').includes('"Value":"eA=="'))
    assert.deepEqual([await one.end('SIGTERM'), one.stderr()], [[0, null], ''])
  })

  test('-data-dir keeps what was written; a service that its file no longer names is gone', async () => {
    write('kept.json', { data_dir: 'data', services: [{ name: 'a' }, { name: 'b' }] })
    {
      await using one = await agent(['-server', '-config-file', 'kept.json'])
      await fetch(`http://127.0.0.1:${one.port}/v1/kv/k`, { method: 'PUT', body: 'v' })
      await one.end('SIGKILL')
    }
    write('kept.json', { data_dir: 'data', service: { name: 'b' } })
    await using one = await agent(['-server', '-config-file', 'kept.json'])
    assert.deepEqual(await services(one), ['b'])
    assert.equal(await (await fetch(`http://127.0.0.1:${one.port}/v1/kv/k?raw`)).text(), 'v')
    assert.deepEqual(await one.end(), [0, null])
  })

  test('beyond loopback with a token: its own services are registered all the same', async () => {
    write('t.json', { service: { name: 'a' } })
    await using one = await agent(['-dev', '-client=0.0.0.0', '-config-file=t.json'], {
      SKEIN_REGISTRY_TOKEN: 'secret',
    })
    const headers = { 'x-consul-token': 'secret' }
    const answer = await fetch(`http://127.0.0.1:${one.port}/v1/agent/services`, { headers })
    assert.deepEqual(Object.keys((await answer.json()) as object), ['a'])
    assert.deepEqual(await one.end(), [0, null])
  })

  test('what cannot be started has status 1 and says why', async () => {
    write('bad.json', { service: { name: 'a', port: 99_999 }, data_dir: 'other' })
    write('dns.json', { dns_config: { service_ttl: { '*': 'soon' }, node_ttl: '-1s' } })
    write('zone.json', { dns_config: { udp_answer_limit: 0 } })
    write('two.json', { ports: { http: 'x' }, log_level: 5 })
    await using taken = await listener()
    const cases: readonly (readonly [string, RegExp])[] = [
      ['agent', /mistake in consul agent\n {2}data_dir: it is not set/],
      ['agent -dev -client=0.0.0.0', /^-client 0\.0\.0\.0: without a token .*\nSet SKEIN_REGISTRY_TOKEN/],
      ['agent -dev -http-port=-1', /ports\.http: -1: without its HTTP API/],
      [
        'agent -dev -log-level=loud -client=unix:///x',
        /unix:\/\/\/x: sockets are not supported[\s\S]*loud is no level/,
      ],
      [`agent -dev -http-port=${taken.port} -dns-port=-1`, new RegExp(`port ${taken.port} \\(HTTP\\) is taken by`)],
      ['agent -dev -http-port=0 -dns-port=-1 -config-file=bad.json', /^bad\.json: service: .*port/m],
      ['agent -dev -config-file=two.json', /ports\.http[\s\S]*log_level/],
      ['agent -dev extra', /^Unexpected extra arguments: extra/],
      [
        'agent -dev -config-file=dns.json',
        /2 mistakes in dns\.json\n {2}dns_config\.service_ttl: [\s\S]*dns_config\.node_ttl/,
      ],
      ['agent -dev -config-file=zone.json', /mistake in consul agent\n {2}dns_config\.udp_answer_limit: 0 is not/],
      [`agent -dev -domain=${'a'.repeat(64)}`, /mistake in consul agent\n {2}domain: 'a+' is not a domain name/],
      ['agent -dev -datacenter=a.b', /datacenter: 'a\.b' cannot be the name of a datacenter/],
    ]
    const runs = cases.map(async ([line, pattern]) => [await consul(...line.split(' ')), line, pattern] as const)
    for (const [{ code, stderr }, line, pattern] of await Promise.all(runs)) {
      assert.equal(code, 1, line)
      assert.match(stderr, pattern, line)
      assert.doesNotMatch(stderr, /fault of Skein/, line)
    }
  })
})

/** Something that has a port. */
async function listener() {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) }
}

test('the link is the whole command, skein consul the same', { timeout: 60_000 }, async () => {
  const byLink = await consul('version')
  const byName = await run(process.execPath, [SKEIN, 'consul', 'version'], dir)
  assert.match(byLink.stdout, /^Consul v/)
  assert.deepEqual(byLink, byName)
  assert.match((await consul('--help')).stdout, /skein consul: /)
  assert.equal((await consul()).code, 127)
  write('valid.json', { service: { name: 'a' } })
  assert.equal((await consul('validate', 'valid.json')).stdout, 'Configuration is valid!\n')
  assert.equal((await consul('validate', '-quiet', 'valid.json')).stdout, '')
  assert.match((await consul('validate', write('valid.hcl', 'a = '))).stderr, /mistake in valid\.hcl\n.*no HCL: At 1:/)
  const bad = await consul('validate', write('form.json', { services: [{}], ports: [] }))
  assert.equal(bad.code, 1)
  assert.match(bad.stderr, /2 mistakes in form\.json\n {2}ports: must be an object[\s\S]*services\[0\]: it has no name/)
})

describe('ACLs of an agent', () => {
  const master = '11111111-2222-3333-4444-555555555555'
  const rules = { enabled: true, default_policy: 'deny', tokens: { initial_management: master } }

  test('a closed agent registers its own files, and others only with a token', async () => {
    writeFileSync(path.join(dir, 'closed.json'), JSON.stringify({ acl: rules, service: { name: 'own', port: 1 } }))
    await using closed = await agent(['-dev', '-config-file=closed.json'])
    const ask = async (where: string, init: RequestInit = {}) => {
      const answer = await fetch(`http://127.0.0.1:${closed.port}${where}`, init)
      return { status: answer.status, text: await answer.text() }
    }
    const asMaster = { headers: { 'x-consul-token': master } }
    assert.deepEqual(JSON.parse((await ask('/v1/agent/services')).text), {})
    assert.deepEqual(Object.keys(JSON.parse((await ask('/v1/agent/services', asMaster)).text)), ['own'])
    assert.equal((await ask('/v1/kv/a', { method: 'PUT', body: 'x' })).status, 403)
    assert.equal((await ask('/v1/kv/a', { method: 'PUT', body: 'x', ...asMaster })).text, 'true')
    assert.equal((await ask('/v1/acl/bootstrap', { method: 'PUT' })).status, 403)
  })

  test('beyond loopback: with ACLs, or when told so', async () => {
    writeFileSync(path.join(dir, 'deny.json'), JSON.stringify({ acl: rules }))
    {
      await using closed = await agent(['-dev', '-client=0.0.0.0', '-config-file=deny.json'])
      assert.equal((await fetch(`http://127.0.0.1:${closed.port}/v1/agent/self`)).status, 403)
    }
    await using open = await agent(['-dev', '-client=0.0.0.0', '-unprotected'])
    assert.equal((await fetch(`http://127.0.0.1:${open.port}/v1/agent/self`)).status, 200)
  })
})
