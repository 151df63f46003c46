/** A Consul client that we did not write, in another language, against the embedded registry. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { startRegistry } from '../../src/registry/index.ts'
import { needsPython } from '../support/needs.ts'
import { run } from '../support/up.ts'

const { skip, python } = needsPython({ consul: 'python3-consul2' })
const script = path.join(import.meta.dirname, 'python_consul.py')

const EXPECTED = {
  registered: [true, true],
  'ttl before': 'critical',
  beat: true,
  healthy: ['web-1', 'web-2'],
  service: { Service: 'web', Address: '127.0.0.1', Port: 8001, Tags: ['a'], Meta: { v: '1' } },
  'by tag': ['web-1'],
  catalog: ['web-1', 'web-2'],
  services: { web: ['a'] },
  agent: ['web-1', 'web-2'],
  'after failure': { later: true, healthy: ['web-1'] },
  'after deregistration': { later: true, healthy: [] },
  'in maintenance': [],
  back: ['web-2'],
  kv: { value: 'Ä value', absent: null },
  cas: [true, false],
  'cas 0': [true, false],
  keys: ['app/name', 'app/new'],
  recurse: { 'app/name': 'b', 'app/new': '' },
  'kv watch': 'changed',
  deleted: null,
  acquire: [true, false],
  holder: { first: true, LockIndex: 1, TTL: '10s' },
  sessions: [2, 2],
  'lock watch': false,
  next: true,
  released: [false, true],
  'deleted with it': null,
  'no session': null,
  txn: ['t/0', 't/1'],
  event: 'deploy',
  events: ['djI='],
  query: ['web-2'],
  queries: ['best'],
  'query deleted': true,
  gone: [],
}

test('python3-consul2 registers, discovers, watches, locks and uses keys, transactions, events and queries', {
  skip,
  timeout: 60_000,
}, async () => {
  const checked = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1')
  const registry = await startRegistry({ port: 0 })
  try {
    const ports = [registry.port, (checked.address() as AddressInfo).port].map(String)
    const { code, stdout, stderr } = await run(python, [script, ...ports], import.meta.dirname)
    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout), EXPECTED)
  } finally {
    await registry.close()
    checked.close()
    checked.closeAllConnections()
  }
})
