/** Registries over a real cluster whose members are killed, frozen, compacted and filled up. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type EtcdCluster, needsEtcd, startEtcd } from '../../../../test/support/etcd.ts'
import { eventually } from '../../../../test/support/up.ts'
import { systemClock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/log.ts'
import { systemRandom } from '../../../core/random.ts'
import { SessionKeeper } from '../../session-keeper.ts'
import { Store } from '../../store.ts'
import { EtcdStorage } from '../etcd.ts'

const skip = needsEtcd()
const closing: (() => Promise<void>)[] = []
after(async () => {
  for (const close of closing.reverse()) await close()
})
let prefixes = 0

/** Registries' stores on a cluster, each with its own order of endpoints; `close` before the cluster goes. */
async function stores(cluster: EtcdCluster, count: number): Promise<Store[]> {
  const prefix = `/t${++prefixes}`
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const endpoints = [
        ...cluster.urls.slice(i % cluster.urls.length),
        ...cluster.urls.slice(0, i % cluster.urls.length),
      ]
      const store = new Store(new EtcdStorage({ endpoints, prefix }))
      await store.open()
      closing.push(() => store.close())
      return store
    }),
  )
}

async function cluster(settings?: Parameters<typeof startEtcd>[0]): Promise<EtcdCluster> {
  const started = await startEtcd(settings)
  closing.push(() => started.close())
  return started
}

const set = (store: Store, key: string, value = '', cas?: number) =>
  store.write({ type: 'kv-set', key, value, flags: '0', ...(cas === undefined ? {} : { cas }) })

/** Writes numbered keys until stopped; those acknowledged are in `done`. */
function writeOn(store: Store, name: string) {
  const done: string[] = []
  let stopped = false
  const failures: unknown[] = []
  const running = (async () => {
    for (let i = 0; !stopped; i++) {
      const key = `${name}/${i}`
      await set(store, key).then(
        () => done.push(key),
        (error) => failures.push(error),
      )
    }
  })()
  return {
    done,
    failures,
    async stop() {
      stopped = true
      await running
    },
  }
}

/** One try ends after 2 s, which a busy machine may need. */
const caughtUp = (store: Store, strict = false) => eventually('the view to catch up', () => store.catchUp(strict))

/** Every registry, and etcd itself as a new registry finds it, has all keys. */
async function assertKept(all: readonly Store[], done: readonly string[], target: EtcdCluster): Promise<void> {
  for (const store of all) {
    await caughtUp(store)
    assert.deepEqual(
      done.filter((key) => !store.state.kv.has(key)),
      [],
    )
  }
  const storage = new EtcdStorage({ endpoints: target.urls, prefix: `/t${prefixes}` })
  const fresh = new Store(storage)
  await fresh.open()
  assert.deepEqual([...fresh.state.kv].sort(), [...all[0]!.state.kv].sort())
  await fresh.close()
}

test('two registries on one etcd: each sees the other’s writes; of two who compare and set one wins', {
  skip,
}, async () => {
  const [a, b] = (await stores(await cluster(), 2)) as [Store, Store]
  const woken = new Promise<void>((resolve) => b.hub.add(['key:x'], resolve))
  await set(a, 'x', 'MQ==')
  await woken
  assert.equal(b.state.kv.get('x')?.Value, 'MQ==')
  assert.deepEqual(b.state.kv.get('x'), a.state.kv.get('x'))
  for (let round = 0; round < 20; round++) {
    const cas = a.state.kv.get('x')!.ModifyIndex
    const won = await Promise.all([set(a, 'x', `a${round}`, cas), set(b, 'x', `b${round}`, cas)])
    assert.deepEqual(won.sort(), [false, true])
    await Promise.all([caughtUp(a), caughtUp(b)])
    assert.deepEqual(b.state.kv.get('x'), a.state.kv.get('x'))
  }
})

test('a write of a thousand records is one write; one that etcd could never take is refused with the reason', {
  skip,
}, async () => {
  const [a, b] = (await stores(await cluster(), 2)) as [Store, Store]
  await Promise.all(Array.from({ length: 1000 }, (_, i) => set(a, `many/${i}`)))
  await caughtUp(b)
  assert.equal(b.state.kv.size, 1000)
  const { index } = a.state
  await b.write({ type: 'kv-delete', key: 'many/', recurse: true })
  await caughtUp(a)
  assert.deepEqual([a.state.kv.size, a.state.index], [0, index + 1])
  await assert.rejects(set(a, 'huge', 'A'.repeat(2_000_000)), { message: /more than etcd takes at once/ })
  await set(a, 'after')
})

test('trees beyond any limit of etcd’s transactions go as one write', { skip }, async () => {
  const [a, b] = (await stores(await cluster(), 2)) as [Store, Store]
  const longer = 'longer-'.repeat(10)
  const key = (i: number) => `${i % 3 === 0 ? 'keep' : 'tree'}/${longer}${i % 7 === 0 ? '\u{1f600}' : '\uffee'}${i}`
  const set = (at: number) => {
    const operations = Array.from({ length: 1000 }, (_, i) => ({
      ...({ kind: 'kv', verb: 'set', key: key(at + i), value: '', flags: '0', index: 0, session: '' } as const),
    }))
    return a.transact(operations)
  }
  for (let at = 0; at < 30_000; at += 1000) await set(at)
  const { index } = a.state
  await a.write({ type: 'kv-delete', key: 'tree/', recurse: true })
  await caughtUp(b)
  assert.deepEqual([b.state.kv.size, b.state.index], [10_000, index + 1])
  assert.deepEqual([...b.state.kv.keys()].sort(), [...a.state.kv.keys()].sort())
  await b.write({ type: 'kv-delete', key: '', recurse: true })
  await caughtUp(a)
  assert.equal(a.state.kv.size, 0)
})

test('a session whose locks no one write could free is over at once; the rest goes on where a registry died', {
  skip,
}, async () => {
  const [dies, lives] = (await stores(await cluster(), 2)) as [Store, Store]
  const node = { Node: 'n', ID: '', Address: '', TaggedAddresses: null, Meta: null }
  await dies.write({ type: 'register', node, skipNodeUpdate: true, checks: [], keepStatus: true, replaceChecks: false })
  const session = { ID: 's', Name: '', Node: 'n', LockDelay: 0, Behavior: 'release', TTL: '10s' } as const
  await dies.write({ type: 'session-create', session: { ...session, NodeChecks: [], ServiceChecks: null } })
  const value = Buffer.alloc(400_000).toString('base64')
  for (let i = 0; i < 8; i++) await dies.write({ type: 'kv-set', key: `k${i}`, value, flags: '0', acquire: 's' })
  assert.equal(await dies.write({ type: 'session-end', id: 's' }), true)
  await dies.write({ type: 'session-end', id: 's' })
  await dies.close()
  await caughtUp(lives)
  const held = () => [...lives.state.kv.values()].filter(({ Session }) => Session !== undefined).length
  assert.ok(held() < 8 && held() > 0 && lives.state.endings.has('s') && !lives.state.sessions.has('s'), `${held()}`)

  const tools = { store: lives, node: 'n', clock: systemClock, random: systemRandom, log: silentLogger }
  const keeper = new SessionKeeper(tools)
  keeper.start()
  await eventually('the rest to be free', async () => held() === 0 && lives.state.endings.size === 0)
  assert.equal(lives.state.kv.size, 8)
  keeper.stop()
})

test('history compacted while a registry looked away: it lists everything anew', { skip }, async () => {
  const etcd = await cluster()
  const [a, b] = (await stores(etcd, 2)) as [Store, Store]
  await set(a, 'before')
  await etcd.members[0]!.signal('SIGKILL')
  await etcd.members[0]!.restart()
  await eventually('a write after the restart', () => set(a, 'after'))
  const { index } = a.state
  await etcd.call('kv/compaction', { revision: String(index), physical: true })
  await eventually('the other to see it', async () => b.state.kv.has('after'))
  await set(b, 'more')
  await eventually('both to agree', async () => a.state.kv.has('more'))
})

test('a member and then the leader die under writes: no acknowledged write is lost, nobody stays behind', {
  skip,
}, async () => {
  const etcd = await cluster({ size: 3 })
  const all = await stores(etcd, 3)
  const writers = all.map((store, i) => writeOn(store, `w${i}`))
  const progress = async () => {
    const before = writers.map(({ done }) => done.length)
    await eventually('every registry to write on', async () =>
      writers.every(({ done }, i) => done.length > before[i]! + 5),
    )
  }
  await progress()
  const leader = await etcd.leader()
  const other = etcd.members.find((member) => member !== leader)!
  await other.signal('SIGKILL')
  await progress()
  await other.restart()
  await progress()
  await (await etcd.leader()).signal('SIGKILL')
  await progress()
  await Promise.all(writers.map((writer) => writer.stop()))
  await assertKept(
    all,
    writers.flatMap(({ done }) => done),
    etcd,
  )
})

test('the leader is frozen: registries go on with the others; thawed, it misleads nobody', { skip }, async () => {
  const etcd = await cluster({ size: 3 })
  const all = await stores(etcd, 3)
  const writers = all.map((store, i) => writeOn(store, `w${i}`))
  await eventually('first writes', async () => writers.every(({ done }) => done.length > 5))
  const leader = await etcd.leader()
  await leader.signal('SIGSTOP')
  const before = writers.map(({ done }) => done.length)
  await eventually('writes without it', async () => writers.every(({ done }, i) => done.length > before[i]! + 5))
  await leader.signal('SIGCONT')
  await Promise.all(writers.map((writer) => writer.stop()))
  await assertKept(
    all,
    writers.flatMap(({ done }) => done),
    etcd,
  )
})

test('etcd gone: writes fail and say so, reads go on; back again: so are writes', { skip }, async () => {
  const etcd = await cluster()
  const [a] = (await stores(etcd, 1)) as [Store]
  await set(a, 'x')
  await etcd.members[0]!.signal('SIGKILL')
  await assert.rejects(set(a, 'y'), { code: 'STORAGE_FAILED', message: /^No cluster leader .*reads go on from memory/ })
  assert.equal(a.state.kv.has('x'), true)
  assert.equal(await a.catchUp(), false)
  await etcd.members[0]!.restart()
  await eventually('writes', () => set(a, 'z').then(() => true))
})

test('etcd full: writes fail with the way out, reads go on', { skip }, async () => {
  const etcd = await cluster({ args: ['--quota-backend-bytes', '2000000'] })
  const [a] = (await stores(etcd, 1)) as [Store]
  const fill = async () => {
    for (let i = 0; i < 40; i++) await a.write({ type: 'kv-set', key: `k${i}`, value: 'A'.repeat(200_000), flags: '0' })
  }
  await assert.rejects(fill, {
    code: 'STORAGE_FAILED',
    message: /database space exceeded: etcd is at its quota.*compact/,
  })
  assert.ok(a.state.kv.size > 0)
  await caughtUp(a)
  await caughtUp(a, true)
  assert.match(a.failure?.message ?? '', /quota/)
})

test('nothing can be reached at the start: the error names the addresses', { skip }, async () => {
  const storage = new EtcdStorage({ endpoints: ['http://127.0.0.1:1'] })
  await assert.rejects(new Store(storage).open(), {
    code: 'STORAGE_FAILED',
    message: /No cluster leader.*127\.0\.0\.1:1/,
  })
})
