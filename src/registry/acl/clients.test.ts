/** npm's `consul` client in a closed registry. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Consul from 'consul'
import { closedRegistry } from './acl-kit.fixture.ts'

/** Its errors say `forbidden` and have the text in the answer. */
async function refused(asked: Promise<unknown>, text: RegExp): Promise<void> {
  await assert.rejects(asked, (error: Error & { response?: { body?: unknown } }) => {
    assert.match(`${error.message} ${error.response?.body}`, text)
    return true
  })
}

test('npm consul: bootstrap, then everything by its token', async () => {
  await using closed = await closedRegistry({ acl: {} })
  const host = { host: '127.0.0.1', port: closed.port }
  const { SecretID } = (await new Consul(host).acl.bootstrap()) as unknown as { SecretID: string }
  await refused(new Consul(host).acl.bootstrap(), /no longer allowed/)
  const consul = new Consul({ ...host, defaults: { token: SecretID } })
  await consul.agent.service.register({ name: 'web', id: 'web-1', check: { ttl: '10s' } } as never)
  await consul.agent.check.pass('service:web-1')
  assert.equal(((await consul.health.service({ service: 'web', passing: true })) as unknown[]).length, 1)
  assert.equal(await consul.kv.set('a', 'x'), true)
  assert.equal(((await consul.agent.self()) as unknown as { Config: { NodeName: string } }).Config.NodeName, 'node1')
})

test('npm consul: a token of few rights is held to them, without one nothing is seen', async () => {
  await using closed = await closedRegistry()
  const rules =
    'service "web" { policy = "write" } node_prefix "" { policy = "read" } key_prefix "web/" { policy = "write" }'
  const { SecretID } = await closed.tokenWith('web', rules)
  const host = { host: '127.0.0.1', port: closed.port }
  const web = new Consul({ ...host, defaults: { token: SecretID } })
  await web.agent.service.register('web')
  await refused(web.agent.service.register('api'), /lacks permission 'service:write' on "api"/)
  assert.equal(await web.kv.set('web/a', 'x'), true)
  await refused(web.kv.set('a', 'x'), /lacks permission 'key:write' on "a"/)
  await refused(web.session.create(), /lacks permission 'session:write' on "node1"/)
  const anonymous = new Consul(host)
  assert.deepEqual(await anonymous.catalog.services(), {})
  await refused(anonymous.kv.get('web/a'), /anonymous token lacks permission/)
  await refused(new Consul({ ...host, defaults: { token: 'nonsense' } }).catalog.services(), /ACL not found/)
})

test('npm consul: a watch is told when its token sees more, and when it is gone', async () => {
  await using closed = await closedRegistry()
  await closed.asMaster('PUT', '/v1/agent/service/register', { Name: 'api' })
  const made = await closed.tokenWith('t', 'node_prefix "" { policy = "read" }')
  const consul = new Consul({ host: '127.0.0.1', port: closed.port, defaults: { token: made.SecretID } })
  const seen: number[] = []
  let next = Promise.withResolvers<void>()
  const watch = consul.watch({ method: consul.health.service, options: { service: 'api', wait: '30s' } as never })
  watch.on('change', (found: unknown[]) => {
    seen.push(found.length)
    next.resolve()
  })
  await next.promise
  next = Promise.withResolvers<void>()
  const gone = new Promise<Error>((resolve) => watch.on('error', resolve))
  await closed.makePolicy('more', 'service "api" { policy = "read" }')
  await closed.asMaster('PUT', `/v1/acl/token/${made.AccessorID}`, { Policies: [{ Name: 't' }, { Name: 'more' }] })
  await next.promise
  assert.deepEqual(seen, [0, 1])
  await closed.asMaster('DELETE', `/v1/acl/token/${made.AccessorID}`)
  assert.match((await gone).message, /forbidden|ACL not found/)
  watch.end()
})
