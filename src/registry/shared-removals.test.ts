/** Leases and removals where two registries share an etcd of their own. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { test } from 'node:test'
import { needsEtcd, startEtcd } from '../../test/support/etcd.ts'
import type { Entry } from './history/contract.ts'
import { instance, testRegistry } from './test-kit.fixture.ts'

const skip = needsEtcd()

type Kit = Awaited<ReturnType<typeof testRegistry>>

/** What another registry hears of, it hears of a moment later. */
async function until(registry: Kit, path: string, holds: (text: string) => boolean): Promise<void> {
  for (let index = 0; ; ) {
    const reply = await registry.get(`${path}${path.includes('?') ? '&' : '?'}index=${index}&wait=10s`)
    if (holds(reply.text)) return
    index = reply.index
  }
}

test('a lease that breaks at one registry, and a removal there, count at the other', {
  skip,
  timeout: 60_000,
}, async () => {
  const etcd = await startEtcd()
  try {
    await using a = await testRegistry({ storage: { etcd: etcd.urls } })
    await using b = await testRegistry({ storage: { etcd: etcd.urls } })
    await a.put('/v1/agent/service/register', instance('web', 'web1'))
    const asked = request(`${b.url}/v1/skein/lease?instance=web1`, { agent: false })
    asked.on('error', () => {}) // it is broken off on purpose
    const [response] = (await once(asked.end(), 'response')) as [NodeJS.ReadableStream & { statusCode: number }]
    response.on('error', () => {})
    assert.equal(response.statusCode, 200)
    await until(a, '/v1/health/service/web?passing', (text) => text.includes('web1'))
    asked.destroy()
    await until(a, '/v1/health/service/web?passing', (text) => !text.includes('web1'))
    const entries = (await b.get('/v1/skein/history?service=web&kind=status')).json() as Entry[]
    assert.equal(entries.at(-1)?.Cause, 'lease')
    await a.put('/v1/agent/check/pass/service:web1')
    await until(b, '/v1/health/service/web?passing', (text) => text.includes('web1'))

    assert.equal((await b.put('/v1/skein/remove/web1?reason=old')).status, 200)
    assert.equal((await a.put('/v1/agent/service/register', instance('web', 'web1'))).status, 403)
    await until(a, '/v1/skein/removed', (text) => text.includes('"old"'))
    assert.equal((await a.put('/v1/skein/allow/web1')).status, 200)
    assert.equal((await b.put('/v1/agent/service/register', instance('web', 'web1'))).status, 200)
  } finally {
    await etcd.close()
  }
})
