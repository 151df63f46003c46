import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ConfigError } from '../../../core/issues.ts'
import { loadConfig, type Source } from './load.ts'

let dir: string
before(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'skein-consul-config-'))
})
after(() => rmSync(dir, { recursive: true }))

function write(name: string, content: unknown): Source {
  mkdirSync(path.dirname(path.join(dir, name)), { recursive: true })
  writeFileSync(path.join(dir, name), typeof content === 'string' ? content : JSON.stringify(content))
  return { name }
}

const load = (...sources: Source[]) => loadConfig(sources, dir)

function issuesOf(...sources: Source[]): string[] {
  try {
    load(...sources)
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map(({ file, key, message }) => `${file}: ${key}: ${message}`)
    throw error
  }
  return []
}

describe('files of an agent', () => {
  test('later ones win, objects are merged, services and checks add up', () => {
    const first = write('1.json', { ports: { http: 1, dns: 2 }, node_name: 'a', service: { name: 'x' } })
    const second = write('2.json', { ports: { dns: -1 }, node_name: 'b', services: [{ name: 'y', id: 'y1' }] })
    const third: Source = { name: '-hcl', text: '{"check": {"name": "c", "ttl": "5s"}}' }
    const { fields, services, checks, warnings } = load(first, second, third)
    assert.deepEqual(fields, { ports: { http: 1, dns: -1 }, node_name: 'b' })
    assert.deepEqual(
      [...services, ...checks].map(({ file, place, id }) => `${file} ${place} ${id}`),
      ['1.json service x', '2.json services[0] y1', '-hcl check c'],
    )
    assert.deepEqual(warnings, [])
  })

  test('a folder stands for its .json files in order, without its folders', () => {
    write('conf.d/b.json', { node_name: 'b' })
    write('conf.d/a.json', { node_name: 'a', datacenter: 'a' })
    write('conf.d/c.txt', 'no configuration')
    write('conf.d/sub/d.json', { node_name: 'd' })
    assert.deepEqual(load({ name: 'conf.d' }).fields, { node_name: 'b', datacenter: 'a' })
  })

  test('the format may be said where the name does not', () => {
    assert.deepEqual(load({ ...write('plain', { node_name: 'a' }), format: 'json' }).fields, { node_name: 'a' })
  })

  test('unknown keys and those without effect are named, with their file', () => {
    const source = write('w.json', {
      ...{
        node_nam: 'x',
        acl: { enabled: true, tokens: { replication: 'x' } },
        server: true,
        ports: { htp: 1 },
        enable_script_checks: false,
      },
      service: { name: 'a', prot: 80, check: { TTL: '1s', Interva: '1s' } },
    })
    const { warnings, services } = load(source)
    assert.deepEqual(warnings, [
      'w.json: unknown key node_nam has no effect; did you mean node_name?',
      'w.json: acl.tokens.replication has no effect: there is one datacenter',
      'w.json: unknown key ports.htp has no effect; did you mean http?',
      'w.json: unknown key service.prot has no effect',
      'w.json: unknown key service.checks[0].Interva has no effect',
    ])
    assert.deepEqual(services[0]!.body, { Name: 'a', Checks: [{ TTL: '1s' }] })
  })

  test('every mistake of a watch is told, and keys that are none', () => {
    const watches = [
      { handler: 'x' },
      { type: 'keys', handler: 'x' },
      { type: 'key', handler: 'x' },
      { type: 'nodes' },
      { type: 'nodes', handler: 'x', args: ['y'] },
      { type: 'nodes', handler: 'x', handler_type: 'htp' },
      { type: 'nodes', handler_type: 'http', http_handler_config: { path: 'ftp://x', timeout: '10' } },
      { type: 'nodes', handler_type: 'http', http_handler_config: { path: '/hook' } },
      { type: 'nodes', args: 'x', tag: [1] },
    ]
    assert.throws(
      () => load(write('w.json', { watches })),
      ({ issues }: ConfigError) => {
        assert.deepEqual(
          issues.map(({ key, message }) => `${key}: ${message}`),
          [
            'watches[0]: Watch type must be specified',
            'watches[1]: Unsupported watch type: keys',
            'watches[2]: This type of watch needs its key',
            'watches[3]: it has no handler',
            'watches[4]: it has handler and args',
            'watches[5].handler_type: htp is none',
            'watches[6].http_handler_config.timeout: "10" is not a duration such as "10s"',
            'watches[7].http_handler_config.path: /hook is no URL',
            'watches[8].tag: [1] is not a list of texts',
          ],
        )
        return true
      },
    )
    const { warnings } = load(write('w.json', { watches: [{ type: 'nodes', args: ['x'], ky: 1 }] }))
    assert.deepEqual(warnings, ['w.json: unknown key watches[0].ky has no effect; did you mean key?'])
  })

  test('watches of all files add up, in HCL too', () => {
    const hcl = write('w.hcl', 'watches { type = "key"\n key = "a"\n args = ["./a", "b"] }')
    const json = write('v.json', { watches: [{ type: 'services', handler: './c d' }] })
    const { watches } = load(hcl, json)
    assert.deepEqual(
      watches.map(({ place, handler }) => [place, handler]),
      [
        ['watches[0]', { kind: 'script', words: ['./a', 'b'], shell: false }],
        ['watches[0]', { kind: 'script', words: ['./c d'], shell: true }],
      ],
    )
  })

  test("definitions are respelt as the API's", () => {
    const source = write('d.json', {
      service: {
        ...{ id: 'a', name: 'a', tagged_addresses: { lan: { address: '10.0.0.1', port: 1 } }, socket_path: '/x' },
        checks: [{ id: 'c', http: 'http://x', tls_skip_verify: true, success_before_passing: 2, args: ['x'] }],
      },
      check: { check_id: 'c2', name: 'c2', service_id: 'a', failures_before_critical: 3 },
    })
    const { services, checks } = load(source)
    assert.deepEqual(services[0]!.body, {
      ...{ ID: 'a', Name: 'a', TaggedAddresses: { lan: { address: '10.0.0.1', port: 1 } }, SocketPath: '/x' },
      Checks: [{ CheckID: 'c', HTTP: 'http://x', TLSSkipVerify: true, SuccessBeforePassing: 2, ScriptArgs: ['x'] }],
    })
    assert.deepEqual(checks[0]!.body, { ID: 'c2', Name: 'c2', ServiceID: 'a', FailuresBeforeCritical: 3 })
  })

  test('every mistake of every file is told at once', () => {
    const first = write('m1.json', { ports: { http: 70_000 }, node_name: 5, services: ['x'], ui_config: 5 })
    const second = write('m2.json', { dns_config: { node_ttl: '5', soa: [] }, service: 'x' })
    const found = issuesOf(first, second, write('m3.json', '{'), write('m4.json', '[]'), { name: 'gone.json' })
    assert.deepEqual(
      found.map((line) => line.replace(/JSON: .*/, 'JSON')),
      [
        'gone.json: : there is no such file or folder',
        'm1.json: ports.http: 70000 is not a port: -1 (off) to 65535',
        'm1.json: node_name: 5 is not a text',
        'm1.json: services: ["x"] is not a list of objects',
        'm2.json: dns_config.node_ttl: "5" is not a duration such as "10s"',
        'm2.json: dns_config.soa: must be an object',
        'm2.json: service: "x" is not an object',
        'm3.json: : this is no JSON',
        'm4.json: : it holds no object',
      ],
    )
  })

  test('HCL says the same as JSON', () => {
    const text = `
      # an agent
      node_name = "a"
      ports { http = 8501, dns = -1 }
      dns_config = { service_ttl { "*" = "5s" } }
      service {
        name = "web"
        tags = ["a", "b"]
        meta { version = "1" }
        check { ttl = "10s" }
      }
      service { name = "db"
        checks = [{ tcp = "127.0.0.1:1", interval = "10s" }] }
      checks { name = "disk", ttl = "5s" }
    `
    const web = { name: 'web', tags: ['a', 'b'], meta: { version: '1' }, check: { ttl: '10s' } }
    const db = { name: 'db', checks: [{ tcp: '127.0.0.1:1', interval: '10s' }] }
    const json = {
      ...{ node_name: 'a', ports: { http: 8501, dns: -1 }, dns_config: { service_ttl: { '*': '5s' } } },
      ...{ service: [web, db], checks: [{ name: 'disk', ttl: '5s' }] },
    }
    const [one, other] = [load(write('agent.hcl', text)), load(write('same.json', json))]
    const withoutFile = ({ services, checks, ...rest }: ReturnType<typeof load>) => ({
      ...rest,
      definitions: [...services, ...checks].map(({ file: _file, ...definition }) => definition),
    })
    assert.deepEqual(withoutFile(one), withoutFile(other))
    assert.deepEqual(load({ name: '-hcl', text: 'ports { http = 1 }' }).fields, { ports: { http: 1 } })
    assert.deepEqual(issuesOf(write('bad.hcl', 'node_name = "a"\nports { http = }')), [
      'bad.hcl: : this is no HCL: At 2:16: expected a value, got: }',
    ])
    assert.deepEqual(load(write('json.hcl', ' {"node_name": "a"}')).fields, { node_name: 'a' })
    assert.deepEqual(load(write('empty.hcl', '')).fields, {})
  })

  test('names of the prototype are no keys', () => {
    const { warnings } = load(
      write('p.json', '{"constructor": 1, "__proto__": {"node_name": 5}, "service": {"name": "a", "toString": 1}}'),
    )
    assert.equal(warnings.length, 3)
  })
})
