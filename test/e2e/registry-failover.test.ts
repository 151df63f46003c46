/** Services, callers and watches that know several registries, of which one after the other is lost under load. */
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createCaller } from '../../src/client/caller.ts'
import { client } from '../../src/client/typed.ts'
import { silentLogger } from '../../src/core/log.ts'
import { ConsulClient } from '../../src/discovery/consul-client.ts'
import { readInstances } from '../../src/discovery/health-answer.ts'
import { consulSource } from '../../src/discovery/source/consul.ts'
import { op, service } from '../../src/service/define.ts'
import { type RunningService, serve } from '../../src/service/serve.ts'
import { Metrics } from '../../src/telemetry/metrics.ts'
import { needsEtcd, startEtcd } from '../support/etcd.ts'
import { type RegistryProcess, startRegistryProcess } from '../support/registry-process.ts'
import { eventually } from '../support/up.ts'

const users = service('users', { who: op({ route: 'GET /who' }, () => 'here') })
const IDS = Array.from({ length: 6 }, (_, i) => `users-${i}`)

/** Instances that register at any of `address`, and calls to them as fast as eight callers make them. */
async function begin(t: TestContext, address: string) {
  const options = { registry: address, env: {}, signals: false, drainDelayMs: 0, log: silentLogger } as const
  const running: RunningService[] = []
  for (const [i, instance] of IDS.entries()) {
    // By turns at the first and the last: registries that share nothing each know a contract, as after a day's work.
    const random = () => (i % 2 === 0 ? 0 : 0.999)
    running.push(await serve(users, { ...options, instance, random, metrics: new Metrics() }))
  }
  const consul = new ConsulClient({ address })
  const source = consulSource({ client: consul })
  const caller = createCaller({ source, metrics: new Metrics() })
  const load = callAll(() => client<typeof users>('users', { caller, consul }).who())
  t.after(async () => {
    await load.stop()
    await Promise.all(running.map((one) => one.close()))
    await caller.close()
    await source.close()
    await consul.close()
  })
  return { load, running, watch: source.watch('users') }
}

function callAll(call: () => Promise<unknown>) {
  const failures: unknown[] = []
  let going = true
  let made = 0
  const worker = async () => {
    while (going) {
      await call().catch((error) => failures.push(error))
      made++
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const workers = Promise.all(Array.from({ length: 8 }, worker))
  return {
    made: () => made,
    failures,
    stop() {
      going = false
      return workers
    },
  }
}

/** What a registry says of the instances, again and again: the fewest that were there, and any that was not passing. */
function observe(url: string) {
  const consul = new ConsulClient({ address: url })
  const seen = { fewest: IDS.length, notPassing: 0, answers: 0 }
  let going = true
  const running = (async () => {
    for (let index = 0; going; ) {
      const answer = await consul.get('/v1/health/service/users', { index, waitMs: 500 })
      index = answer.index
      const instances = readInstances('users', answer.body) ?? []
      seen.answers++
      seen.fewest = Math.min(seen.fewest, instances.length)
      seen.notPassing += instances.filter(({ status }) => status !== 'passing').length
    }
  })()
  return {
    seen,
    async stop() {
      going = false
      await running
      await consul.close()
    },
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('of three registries over one etcd one is killed and one frozen under load: no failed call, no instance lost', {
  skip: needsEtcd(),
}, async (t) => {
  const etcd = await startEtcd()
  t.after(() => etcd.close())
  const store = `${etcd.urls[0]!.replace('http', 'etcd')}/failover`
  const three = await Promise.all([1, 2, 3].map(() => startRegistryProcess(['--store', store])))
  const [a, b, last] = three as [RegistryProcess, RegistryProcess, RegistryProcess]
  t.after(() => Promise.all(three.map((one) => one.close())))
  const { load, watch, running } = await begin(t, three.map(({ url }) => url).join(','))
  const observer = observe(last.url)
  await eventually('calls', async () => load.made() > 100)
  await a.signal('SIGKILL')
  await pause(4_000) // each has beaten since
  await b.signal('SIGSTOP')
  await pause(11_000) // beyond the TTL of a beat: one that was not renewed elsewhere would show
  await observer.stop()
  await load.stop()
  assert.deepEqual(load.failures, [])
  assert.equal(observer.seen.fewest, IDS.length)
  assert.equal(observer.seen.notPassing, 0)
  assert.deepEqual([watch.current()?.instances.length, watch.current()?.stale], [IDS.length, false])
  await running[0]!.close()
  await eventually('the watch to hear of it', async () => watch.current()?.instances.length === IDS.length - 1)
  t.diagnostic(
    `${load.made()} calls, 0 failed; ${observer.seen.answers} answers observed, all with ${IDS.length} passing`,
  )
})

test('of two registries that share nothing one is killed under load: all register at the other one, and no call fails', async (t) => {
  const two = await Promise.all([1, 2].map(() => startRegistryProcess(['--memory'])))
  t.after(() => Promise.all(two.map((one) => one.close())))
  const { load, watch } = await begin(t, two.map(({ url }) => url).join(','))
  await eventually('calls', async () => load.made() > 100)
  const [dead, left] = two as [RegistryProcess, RegistryProcess]
  await dead.signal('SIGKILL')
  const observer = new ConsulClient({ address: left.url })
  t.after(() => observer.close())
  await eventually('all at the other one', async () => {
    const { body } = await observer.get('/v1/health/service/users?passing')
    return readInstances('users', body)?.length === IDS.length
  })
  await eventually('a watch without doubt', async () => watch.current()?.stale === false)
  await load.stop()
  assert.deepEqual(load.failures, [])
  assert.equal(watch.current()?.instances.length, IDS.length)
})

/** Hands connections on to `port` until it is cut. */
async function cable(t: TestContext, port: number) {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => other.destroy())
      socket.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    if (server.listening) server.close()
    for (const socket of sockets) socket.destroy()
  }
  t.after(cut)
  return { port: (server.address() as AddressInfo).port, cut }
}

test('a registry that is cut off from etcd answers what it knew: its clients go to the other one', {
  skip: needsEtcd(),
}, async (t) => {
  const etcd = await startEtcd()
  t.after(() => etcd.close())
  const direct = new URL(etcd.urls[0]!)
  const { port, cut } = await cable(t, Number(direct.port))
  const stores = [`etcd://127.0.0.1:${port}/cut`, `etcd://${direct.host}/cut`]
  const two = await Promise.all(stores.map((store) => startRegistryProcess(['--store', store])))
  t.after(() => Promise.all(two.map((one) => one.close())))
  const [a, b] = two as [RegistryProcess, RegistryProcess]
  const client = new ConsulClient({ address: `${a.url},${b.url}`, random: () => 0.999 })
  t.after(() => client.close())
  const path = '/v1/kv/color?raw'
  await client.kvPut('color', 'red')
  const before = await client.get(path)
  assert.deepEqual([before.registry, before.text], [a.url, 'red'])
  cut()
  await client.kvPut('color', 'blue')
  const after = await client.get(path)
  assert.deepEqual([after.registry, after.text], [b.url, 'blue'])
})
