/** Sessions, locks, transactions and prepared queries where two registries share an etcd of their own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needsEtcd, startEtcd } from '../../test/support/etcd.ts'
import { testRegistry } from './test-kit.fixture.ts'

const skip = needsEtcd()

test('two registries on one etcd are one for locks', { skip, timeout: 60_000 }, async () => {
  const etcd = await startEtcd()
  try {
    await using a = await testRegistry({ storage: { etcd: etcd.urls }, sessionTtlMinMs: 100 })
    await using b = await testRegistry({ storage: { etcd: etcd.urls }, sessionTtlMinMs: 100 })
    const create = async (body: object) => ((await a.put('/v1/session/create', body)).json() as { ID: string }).ID
    const [first, second] = [await create({ LockDelay: '60s' }), await create({ LockDelay: '0s' })]

    assert.equal((await b.put(`/v1/kv/lock?acquire=${first}`, '1')).text, 'true')
    assert.equal((await a.put(`/v1/kv/lock?acquire=${second}`, '2')).text, 'false')
    assert.equal((await b.put(`/v1/session/renew/${first}`)).status, 200)
    const { index } = await a.get('/v1/kv/lock')
    const held = a.get(`/v1/kv/lock?index=${index}&wait=30s`)
    await b.put(`/v1/session/destroy/${first}`)
    assert.doesNotMatch((await held).text, /Session/)
    assert.equal((await a.put(`/v1/kv/lock?acquire=${second}`, '2')).text, 'false', 'the delay is everybody’s')
    const third = await create({ LockDelay: '500ms' })
    assert.equal((await b.put(`/v1/kv/other?acquire=${third}`, '1')).text, 'true')
    await b.put(`/v1/session/destroy/${third}`)
    while ((await a.put(`/v1/kv/other?acquire=${second}`, '2')).text !== 'true');
    assert.equal((await b.put(`/v1/kv/other?acquire=${await create({})}`, '3')).text, 'false')

    const silent = await create({ TTL: '100ms' })
    while ((await b.get('/v1/session/list')).text.includes(silent));
    assert.match((await b.get('/v1/session/list')).text, new RegExp(second))
  } finally {
    await etcd.close()
  }
})

test('a session ends in its time also when no registry is there to see it', { skip, timeout: 60_000 }, async () => {
  const etcd = await startEtcd()
  const options = { storage: { etcd: etcd.urls }, sessionTtlMinMs: 100 }
  try {
    const first = await testRegistry(options)
    const create = async (body: object) => ((await first.put('/v1/session/create', body)).json() as { ID: string }).ID
    const acquire = async (id: string) => (await first.put(`/v1/kv/${id}?acquire=${id}`, '')).text
    const long = await create({ TTL: '1h' })
    assert.equal(await acquire(long), 'true')
    const short = await create({ TTL: '2s', LockDelay: '0s' }) // four seconds, which the next four requests must not take
    assert.equal(await acquire(short), 'true')
    const { index } = await first.get('/v1/kv/x')
    assert.equal((await first.put(`/v1/session/renew/${short}`)).status, 200)
    assert.equal((await first.get('/v1/kv/x')).index, index, 'a renewal is no write')
    await first.close()
    const alive = { key: Buffer.from(`/skein/alive/${short}`).toString('base64') }
    while ((await etcd.call('kv/range', alive))['kvs'] !== undefined);

    await using second = await testRegistry(options)
    while ((await second.get(`/v1/session/info/${short}`)).text !== '[]');
    assert.doesNotMatch((await second.get(`/v1/kv/${short}`)).text, /Session/)
    assert.match((await second.get(`/v1/kv/${long}`)).text, new RegExp(`"Session":"${long}"`))
    assert.equal((await second.put(`/v1/session/renew/${long}`)).status, 200)
    assert.equal((await second.put(`/v1/session/renew/${short}`)).status, 404)
  } finally {
    await etcd.close()
  }
})

test('a transaction tells the index that etcd gave it', { skip, timeout: 60_000 }, async () => {
  const etcd = await startEtcd()
  try {
    await using a = await testRegistry({ storage: { etcd: etcd.urls } })
    await using b = await testRegistry({ storage: { etcd: etcd.urls } })
    const set = (Key: string, Index?: number) => ({
      KV: { Verb: Index === undefined ? 'set' : 'cas', Key, Value: 'eA==', Flags: 1, Index },
    })
    const { Results } = (await a.put('/v1/txn', [set('x'), set('y')])).json() as {
      Results: { KV: { ModifyIndex: number } }[]
    }
    const { index } = await b.get('/v1/kv/x')
    assert.deepEqual(
      Results.map(({ KV }) => KV.ModifyIndex),
      [index, index],
    )
    assert.equal((await b.put('/v1/txn', [{ KV: { Verb: 'cas', Key: 'x', Value: '', Index: index } }])).status, 200)
    assert.equal((await a.put('/v1/txn', [set('z'), set('x', index)])).status, 409)
    assert.equal((await a.get('/v1/kv/z')).status, 404)
    await a.post('/v1/query', { Name: 'q', Service: { Service: 'consul' } })
    assert.match((await b.get('/v1/query/q/execute')).text, /"Service":"consul"/)
  } finally {
    await etcd.close()
  }
})
