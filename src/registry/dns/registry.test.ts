/** DNS beside the API of a running registry. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { instance, testRegistry } from '../test-kit.fixture.ts'
import { encodeQuestion, show } from './peer.fixture.ts'

async function ask(port: number, question: string) {
  const socket = createSocket('udp4')
  socket.send(encodeQuestion(question), port, '127.0.0.1')
  const [answer] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return show(answer)
}

test('DNS says what the API was told, at once', async () => {
  await using registry = await testRegistry({ dnsPort: 0, dns: { serviceTtl: { '*': 3 } } })
  const port = registry.dnsPort!
  assert.equal((await ask(port, 'web.service.consul A')).rcode, 'NXDOMAIN')
  await registry.put('/v1/agent/service/register', instance('web', 'web-1', { Address: '127.0.0.5' }))
  assert.deepEqual((await ask(port, 'web.service.consul A')).answer, ['3 A 127.0.0.5'])
  await registry.put('/v1/agent/check/fail/service:web-1')
  assert.equal((await ask(port, 'web.service.consul A')).rcode, 'NXDOMAIN')
  await registry.put('/v1/agent/check/warn/service:web-1')
  assert.deepEqual((await ask(port, 'web.service.consul SRV')).answer, ['3 SRV 1 1 80 7f000005.addr.dc1.consul'])
  await registry.put('/v1/agent/service/deregister/web-1')
  assert.equal((await ask(port, 'web.service.consul A')).rcode, 'NXDOMAIN')
  assert.deepEqual((await ask(port, 'consul NS')).answer, ['NS node1.node.dc1.consul'])
  const { text } = await registry.get('/metrics')
  assert.match(text, /skein_registry_dns_queries_total\{transport="udp",rcode="NXDOMAIN"\} 3/)
})

test('DNS answers for prepared queries, by name or ID, with their TTL', async () => {
  await using registry = await testRegistry({ dnsPort: 0 })
  const port = registry.dnsPort!
  const body = { Name: 'Best', Service: { Service: 'web', OnlyPassing: true, Tags: ['!beta'] }, DNS: { TTL: '10s' } }
  const { ID } = (await registry.post('/v1/query', body)).json() as { ID: string }
  assert.equal((await ask(port, 'best.query.consul A')).rcode, 'NXDOMAIN')
  for (const [i, Tags] of [['v1'], ['beta'], ['v2']].entries()) {
    await registry.put('/v1/agent/service/register', instance('web', `web-${i}`, { Address: `127.0.0.${i + 5}`, Tags }))
  }
  await registry.put('/v1/agent/check/warn/service:web-2')
  assert.deepEqual((await ask(port, 'bEst.query.consul A')).answer, ['10 A 127.0.0.5'])
  assert.deepEqual((await ask(port, `${ID}.query.dc1.consul A`)).answer, ['10 A 127.0.0.5'])
  await registry.put(`/v1/query/${ID}`, { ...body, Name: 'best.of.web' })
  for (const name of ['best.of.web', '_best.of.web._tcp']) {
    assert.deepEqual((await ask(port, `${name}.query.consul A`)).answer, ['10 A 127.0.0.5'])
  }
  await registry.delete(`/v1/query/${ID}`)
  assert.equal((await ask(port, 'best.query.consul A')).rcode, 'NXDOMAIN')
})

test('without dnsPort there is no DNS', async () => {
  await using registry = await testRegistry()
  assert.equal(registry.dnsPort, undefined)
})

test('a registry whose DNS port is taken does not start, one whose own port is taken leaves no DNS behind', async () => {
  await using first = await testRegistry({ dnsPort: 0 })
  await assert.rejects(testRegistry({ dnsPort: first.dnsPort }), { code: 'EADDRINUSE', port: first.dnsPort })
  const dnsPort = first.dnsPort!
  await assert.rejects(testRegistry({ port: first.port, dnsPort: 0 }), { code: 'EADDRINUSE', port: first.port })
  await first.close()
  await using second = await testRegistry({ dnsPort })
  assert.equal(second.dnsPort, dnsPort)
})

test('with ACLs DNS shows what its token may see, else what the anonymous one may', async () => {
  const master = '11111111-1111-1111-1111-111111111111'
  const asMaster = { 'x-consul-token': master }
  const fill = async (registry: Awaited<ReturnType<typeof testRegistry>>) => {
    const put = (path: string, body: unknown) => registry.put(path, body, asMaster)
    await put('/v1/agent/service/register', instance('web', 'web-1', { Address: '127.0.0.5' }))
    await put('/v1/agent/service/register', instance('api', 'api-1', { Address: '127.0.0.6' }))
    return put
  }
  await using closed = await testRegistry({ dnsPort: 0, acl: { initialManagement: master } })
  const put = await fill(closed)
  const port = closed.dnsPort!
  const names = ['web.service.consul A', 'node1.node.consul A', '5.0.0.127.in-addr.arpa PTR', 'api.service.consul SRV']
  const codes = async (from: number) => Promise.all(names.map(async (name) => (await ask(from, name)).rcode))
  assert.deepEqual(await codes(port), ['NXDOMAIN', 'NXDOMAIN', 'NXDOMAIN', 'NXDOMAIN'])
  await put('/v1/acl/policy', {
    Name: 'p',
    Rules: 'service "web" { policy = "read" } node_prefix "" { policy = "read" }',
  })
  await put('/v1/acl/token/00000000-0000-0000-0000-000000000002', { Policies: [{ Name: 'p' }] })
  assert.deepEqual(await codes(port), ['NOERROR', 'NOERROR', 'NOERROR', 'NXDOMAIN'])
  const token = (await put('/v1/acl/token', { Policies: [{ Name: 'global-management' }] })).json() as Record<
    string,
    string
  >
  const query = { Name: 'all', Token: token['SecretID'], Service: { Service: 'api' } }
  await closed.post('/v1/query', query, asMaster)
  assert.deepEqual((await ask(port, 'all.query.consul A')).answer, ['A 127.0.0.6'])
  await closed.delete(`/v1/acl/token/${token['AccessorID']}`, undefined, asMaster)
  assert.equal((await ask(port, 'all.query.consul A')).rcode, 'NXDOMAIN')
  await using other = await testRegistry({ dnsPort: 0, acl: { initialManagement: master, dnsToken: master } })
  await fill(other)
  assert.deepEqual(await codes(other.dnsPort!), ['NOERROR', 'NOERROR', 'NOERROR', 'NOERROR'])
})
