import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instance, testRegistry } from '../../test-kit.fixture.ts'

interface Group {
  readonly targets: string[]
  readonly labels: Record<string, string>
}

test('targets with the labels of consul_sd_configs', async () => {
  await using registry = await testRegistry({ datacenter: 'dc7' })
  const more = { Address: '10.0.0.9', Tags: ['blue', 'v1'], Meta: { 'metrics-path': '/m' } }
  await registry.put('/v1/agent/service/register', instance('web', 'web1', more))
  const groups = (await registry.get('/v1/skein/prometheus')).json() as Group[]
  assert.deepEqual(groups, [
    {
      targets: ['10.0.0.9:80'],
      labels: {
        __meta_consul_address: '127.0.0.1',
        __meta_consul_dc: 'dc7',
        __meta_consul_health: 'passing',
        __meta_consul_metadata_consul_network_segment: '',
        __meta_consul_metadata_consul_version: '1.21.4',
        __meta_consul_node: 'node1',
        __meta_consul_service: 'web',
        __meta_consul_service_address: '10.0.0.9',
        __meta_consul_service_id: 'web1',
        __meta_consul_service_metadata_metrics_path: '/m',
        __meta_consul_service_port: '80',
        __meta_consul_tagged_address_lan: '127.0.0.1',
        __meta_consul_tagged_address_lan_ipv4: '127.0.0.1',
        __meta_consul_tagged_address_wan: '127.0.0.1',
        __meta_consul_tagged_address_wan_ipv4: '127.0.0.1',
        __meta_consul_tags: ',blue,v1,',
      },
    },
  ])
})

test('by service and tag; health in a word; no instance without a port; the address of the node for want of one', async () => {
  await using registry = await testRegistry()
  for (const [name, id, more] of [
    ['a', 'a1', { Tags: ['x'] }],
    ['a', 'a2', { Address: '::1' }],
    ['b', 'b1', {}],
    ['c', 'c1', { Port: 0 }],
  ] as const) {
    await registry.put('/v1/agent/service/register', instance(name, id, more))
  }
  const ask = async (query: string) => (await registry.get(`/v1/skein/prometheus${query}`)).json() as Group[]
  const targets = async (query: string) => (await ask(query)).flatMap((group) => group.targets)
  assert.deepEqual(await targets(''), ['127.0.0.1:80', '[::1]:80', '127.0.0.1:80'])
  assert.deepEqual(await targets('?service=a&tag=x'), ['127.0.0.1:80'])
  assert.deepEqual(await targets('?service=b&service=b&service=none'), ['127.0.0.1:80'])
  const health = async () => (await ask('?service=b'))[0]?.labels['__meta_consul_health']
  await registry.put('/v1/agent/check/fail/service:b1')
  assert.equal(await health(), 'critical')
  await registry.put('/v1/agent/service/maintenance/b1?enable=true')
  assert.equal(await health(), 'maintenance')
})
