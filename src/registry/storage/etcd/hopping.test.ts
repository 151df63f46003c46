/** The index invariant (E1) for real: registries with their HTTP API over three etcd members, clients that hop, a leader killed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needsEtcd, startEtcd } from '../../../../test/support/etcd.ts'
import { eventually } from '../../../../test/support/up.ts'
import { below, seeded } from '../../../core/random.ts'
import { instance, testRegistry } from '../../test-kit.fixture.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 3)

test(`clients that hop between registries hold the final set (SKEIN_SEED=${SEED})`, { skip: needsEtcd() }, async () => {
  const random = seeded(SEED)
  const etcd = await startEtcd({ size: 3 })
  const open = () => testRegistry({ nodeName: 'skein', storage: { etcd: etcd.urls, prefix: '/hop' } })
  const registries = [await open(), await open(), await open()]
  const anyOne = () => registries[below(random, registries.length)]!
  let stopped = false
  const follow = async (path: string, hold: { text: string }) => {
    for (let index = 0; !stopped; ) {
      const mode = random() < 0.5 ? '&stale' : ''
      const reply = await anyOne().get(`${path}?index=${index}&wait=2m${mode}`)
      index = reply.index < index ? 0 : reply.index
      hold.text = reply.text
    }
  }
  const held = ['/v1/health/service/s0', '/v1/health/service/s1', '/v1/catalog/services', '/v1/kv/k1'].map((path) => ({
    path,
    text: '',
  }))
  const following = held.map((hold) => follow(hold.path, hold))
  const write = async () => {
    const id = `i${below(random, 4)}`
    const name = `s${below(random, 2)}`
    const what = below(random, 5)
    if (what < 2) return anyOne().put('/v1/agent/service/register', instance(name, id, { Port: 1 + below(random, 9) }))
    if (what === 2) return anyOne().put(`/v1/agent/service/deregister/${id}`)
    if (what === 3) return anyOne().put(`/v1/agent/check/${random() < 0.5 ? 'pass' : 'fail'}/service:${id}`)
    return random() < 0.7 ? anyOne().put('/v1/kv/k1', String(below(random, 9))) : anyOne().delete('/v1/kv/k1')
  }
  for (let i = 0; i < 150; i++) {
    if (i === 75) await (await etcd.leader()).signal('SIGKILL')
    // Between two leaders etcd cannot say whether a write that changes nothing is right, and the client is told to try again.
    const { status, text } = await eventually('a leader', async () => {
      const answer = await write()
      return !(answer.status === 500 && answer.text.startsWith('No cluster leader')) && answer
    })
    assert.ok([200, 404].includes(status), text)
  }
  for (const hold of held) {
    await eventually(`${hold.path} to hold the final set`, async () => {
      const final = await registries[0]!.get(`${hold.path}?consistent`)
      return final.text === hold.text
    })
  }
  stopped = true
  await Promise.all(registries.map((registry) => registry.close()))
  await Promise.all(following.map((one) => one.catch(() => {}))) // a held query may end with its registry
  await etcd.close()
})
