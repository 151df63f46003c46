import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { registryKit } from './registry-kit.fixture.ts'

type Kit = Awaited<ReturnType<typeof registryKit>>

/** Everything that an export holds. */
async function fill({ put, registry }: Kit): Promise<void> {
  await put('/v1/kv/config/max?flags=18446744073709551615', '10')
  await put('/v1/kv/config/odd%20%3F%23%25', 'ä')
  await put('/v1/kv/empty')
  await fetch(`${registry.url}/v1/kv/binary`, { method: 'PUT', body: new Uint8Array([0, 255, 10]) })
  const beat = { CheckID: 'web-1:beat', Name: 'beat', TTL: '1m30s', Status: 'passing', Notes: 'n' }
  const http = { HTTP: 'http://127.0.0.1:1/health', Method: 'POST', Header: { 'x-a': ['1', '2'] }, Body: 'b' }
  const times = { Interval: '10m', Timeout: '1s', DeregisterCriticalServiceAfter: '10m', FailuresBeforeCritical: 3 }
  const page = { CheckID: 'web-1:page', Name: 'page', ...http, ...times, Status: 'warning' }
  await put('/v1/agent/service/register', {
    ...{ ID: 'web-1', Name: 'web', Tags: ['b', 'a'], Meta: { v: '1' }, Address: '10.0.0.1', Port: 80 },
    ...{ Weights: { Passing: 7, Warning: 1 }, EnableTagOverride: true },
    ...{ TaggedAddresses: { lan: { Address: '10.0.0.2', Port: 81 } }, Checks: [beat, page] },
  })
  await put('/v1/agent/check/register', { ID: 'disk', Name: 'disk', TTL: '10m', Status: 'passing' })
  await put('/v1/agent/service/maintenance/web-1?enable=true&reason=upgrade')
  const node = { Node: 'db-host', Address: '10.0.0.9', NodeMeta: { external: '1' } }
  const Checks = [{ Node: 'db-host', CheckID: 'ping', Name: 'ping', Status: 'passing' }]
  await put('/v1/catalog/register', { ...node, Checks })
  const check = { Node: 'db-host', CheckID: 'db:tcp', Name: 'tcp', ServiceID: 'db-1', Status: 'critical', Output: 'no' }
  await put('/v1/catalog/register', { ...node, Service: { ID: 'db-1', Service: 'db', Port: 5432 }, Checks: [check] })
  const query = { Name: 'near-web', Service: { Service: 'web', OnlyPassing: true, Tags: ['a'] }, DNS: { TTL: '5s' } }
  await fetch(`${registry.url}/v1/query`, { method: 'POST', body: JSON.stringify(query) })
  await put('/v1/skein/remove/web-9?force&reason=bad%20disk')
  await put('/v1/skein/remove/db-9?force&node=db-host')
  await put('/v1/session/create', { Name: 'not exported' })
}

async function exported({ skein }: Kit): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await skein('registry', 'export')
  assert.deepEqual([status, stderr], [0, ''])
  return JSON.parse(stdout)
}

describe('skein registry export and import', () => {
  let from: Kit
  let to: Kit
  before(async () => {
    from = await registryKit()
    to = await registryKit({ nodeName: 'other' })
    await fill(from)
  })
  after(async () => {
    await from[Symbol.asyncDispose]()
    await to[Symbol.asyncDispose]()
  })
  const fileOf = (kit: Kit, name: string) => path.join(kit.dir, name)

  test('bring one registry into another whole, whatever its own node is called', async () => {
    const file = fileOf(from, 'all.json')
    writeFileSync(file, 'an older one, which others could read', { mode: 0o644 })
    const told = await from.skein('registry', 'export', file)
    const what =
      '4 keys, 1 prepared query, 2 entries of other nodes, 1 service, 1 check of the node, 1 maintenance, 2 removed instances'
    assert.ok(told.stdout.endsWith(`all.json: ${what}\n`), told.stdout + told.stderr)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const dry = await to.skein('registry', 'import', file, '--dry-run')
    assert.equal(dry.stdout, `would write ${what}\n`)
    assert.equal(await to.get('/v1/catalog/service/web').then((found) => (found as unknown[]).length), 0)
    const done = await to.skein('registry', 'import', file)
    assert.deepEqual([done.status, done.stdout, done.stderr], [0, `✓ wrote ${what}\n`, ''])

    const [before, after] = [await exported(from), await exported(to)]
    assert.deepEqual(after, before)
    const text = await (await fetch(`${to.registry.url}/v1/kv/config/max`)).text()
    assert.match(text, /"Flags":18446744073709551615/)
    assert.equal(await to.put('/v1/agent/service/register', { ID: 'web-9', Name: 'web' }), 403)
    const [page] = (await to.get<{ CheckID: string; Definition: object }[]>('/v1/skein/checks')).slice(-1)
    assert.deepEqual(page?.Definition, {
      ...{ HTTP: 'http://127.0.0.1:1/health', Method: 'POST', Header: { 'x-a': ['1', '2'] }, Body: 'b' },
      ...{ Interval: '10m0s', Timeout: '1s', FailuresBeforeCritical: 3, DeregisterCriticalServiceAfter: '10m0s' },
    })
  })

  test('again write no key twice, and as JSON say so', async () => {
    const { stdout } = await to.skein('registry', 'import', fileOf(from, 'all.json'), '--json')
    const { written, same, left } = JSON.parse(stdout)
    assert.deepEqual([written.kv, same, left], [undefined, 4, {}])
    assert.equal((await to.get<unknown[]>('/v1/query')).length, 1)
  })

  test('with --prefix take those keys and nothing else', async () => {
    const { stdout } = await from.skein('registry', 'export', '--prefix', 'config/')
    const { kv, services } = JSON.parse(stdout)
    assert.deepEqual([kv.map(({ key }: { key: string }) => key), services], [['config/max', 'config/odd ?#%'], []])
    const fresh = await registryKit()
    const done = await fresh.skein('registry', 'import', fileOf(from, 'all.json'), '--prefix', 'config/')
    assert.equal(done.stdout, '✓ wrote 2 keys\n')
    await fresh[Symbol.asyncDispose]()
  })

  test("read what Consul's kv export writes", async () => {
    const keys = Array.from({ length: 200 }, (_, i) => ({ key: `many/${i}`, flags: i, value: 'eA==' }))
    const large = { key: 'many/large', flags: 0, value: Buffer.alloc(400_000).toString('base64') }
    writeFileSync(fileOf(to, 'kv.json'), JSON.stringify([...keys, large]))
    assert.equal((await to.skein('registry', 'import', fileOf(to, 'kv.json'))).stdout, '✓ wrote 201 keys\n')
    assert.equal((await to.get<unknown[]>('/v1/kv/many/?keys')).length, 201)
  })

  test('that are refused half-way say what is written and what is not, and go on from there', async () => {
    const keys = ['a', 'b'].map((key) => ({ key: `half/${key}`, flags: 0, value: '' }))
    const services = [{ Name: 'one' }, { Name: 'two', ID: 'two-1' }, { Name: 'three' }]
    const document = { skein: 'registry/1', kv: keys, services }
    writeFileSync(fileOf(to, 'half.json'), JSON.stringify(document))
    await to.put('/v1/skein/remove/two-1?force')
    const { status, stderr } = await to.skein('registry', 'import', fileOf(to, 'half.json'))
    assert.equal(status, 1)
    assert.match(stderr, /^Error: services: two-1: status 403: service ID "two-1" was removed/)
    assert.match(stderr, /Written: 2 keys, 1 service\. Not written: 2 services\./)
    await to.skein('registry', 'allow', 'two-1')
    const again = await to.skein('registry', 'import', fileOf(to, 'half.json'))
    assert.equal(again.stdout, '✓ wrote 3 services; 2 keys already there\n')
  })

  test('name the key of a transaction that is refused, of which nothing is written', async () => {
    const keys = ['x', 'y'].map((key) => ({
      key: `${key}${'k'.repeat(key === 'y' ? 600_000 : 1)}`,
      flags: 0,
      value: '',
    }))
    writeFileSync(fileOf(to, 'bad.json'), JSON.stringify([{ key: 'ok', flags: 0, value: '' }, ...keys]))
    const { status, stdout } = await to.skein('registry', 'import', fileOf(to, 'bad.json'), '--json')
    const { failed, written } = JSON.parse(stdout)
    assert.equal(status, 1)
    assert.equal(failed.part, 'kv')
    assert.ok(failed.names.some((name: string) => name.startsWith('yk')))
    assert.equal(written.kv, 2)
  })

  test('take a real Consul, which tells less, with a warning', async () => {
    const consul = createServer(async (request, response) => {
      if (request.url!.startsWith('/v1/skein/')) return response.writeHead(404).end()
      const answer = await fetch(from.registry.url + request.url)
      response.writeHead(answer.status).end(await answer.text())
    })
    await once(consul.listen(0, '127.0.0.1'), 'listening')
    const address = `http://127.0.0.1:${(consul.address() as AddressInfo).port}`
    const { status, stdout, stderr } = await from.skein('registry', 'export', '--registry', address)
    consul.close()
    assert.equal(status, 0)
    assert.match(stderr, /^Warning: this registry does not tell how it checks its services/)
    const { services, removed, kv } = JSON.parse(stdout)
    assert.deepEqual([services[0].Name, services[0].Checks, removed, kv.length], ['web', undefined, [], 4])
  })

  test('refuse what is no export', async () => {
    writeFileSync(fileOf(to, 'no.json'), '{"services": []}')
    const no = await to.skein('registry', 'import', fileOf(to, 'no.json'))
    assert.equal(no.status, 1)
    assert.match(no.stderr, /no\.json is no export of a registry/)
    writeFileSync(fileOf(to, 'bad.json'), '{"skein": "registry/1", "services": [1]}')
    assert.match((await to.skein('registry', 'import', fileOf(to, 'bad.json'))).stderr, /services\[0\] is no object/)
    assert.match((await to.skein('registry', 'import', 'gone.json')).stderr, /gone\.json cannot be read: ENOENT/)
    assert.equal((await to.skein('registry', 'import')).status, 2)
    assert.ok(readFileSync(fileOf(from, 'all.json'), 'utf8').startsWith('{\n  "skein": "registry/1"'))
  })
})
