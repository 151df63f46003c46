/**
 * R8: the registry comes back with data of an earlier time, so its index has fallen. A hundred watchers must hold what it
 * says within 5 s, and may not ask in a loop because their index is ahead of its.
 */
import { cpSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { ConsulClient } from '../../src/discovery/consul-client.ts'
import { consulSource } from '../../src/discovery/source/consul.ts'
import { startLoad } from '../support/load.ts'
import type { Fault } from './harness/contract.ts'
import { failureRow } from './harness/rows.ts'
import { get, startStage } from './harness/stage.ts'

const WATCHERS = 100

export default {
  name: 'registry-rolled-back',
  what: 'the registry comes back with the data of an earlier time (R8)',
  ci: true,
  async run(context) {
    const { dir, pick, after } = context
    const data = path.join(dir, 'data')
    const stage = await startStage(context, { store: ['--data', data] })
    const { registry } = stage
    const watches = Array.from({ length: WATCHERS }, () => {
      const client = new ConsulClient({ address: registry.url })
      const source = consulSource({ client })
      after(() => client.close())
      after(() => source.close())
      return source.watch('echo')
    })
    await Promise.all(watches.map((watch) => watch.ready()))
    const load = startLoad({ url: `${stage.url}/echo`, ratePerSecond: pick({ ci: 200, normal: 1000, long: 2000 }) })

    await registry.signal('SIGKILL') // only of a registry at rest are the files of one moment
    cpSync(data, `${data}-old`, { recursive: true })
    await registry.restart()
    await goOn(registry.url)
    await stage.startInstance(4)
    await stage.settled(4)
    await registry.signal('SIGKILL')
    rmSync(data, { recursive: true })
    cpSync(`${data}-old`, data, { recursive: true })
    await registry.restart()

    const asked = await asksOf(registry.url)
    await pause(5000)
    const perSecond = ((await asksOf(registry.url)) - asked) / 5 / WATCHERS
    const truth = await idsIn(registry.url)
    const wrong = watches.filter(
      (watch) =>
        watch
          .current()!
          .instances.map(({ id }) => id)
          .join() !== truth,
    )
    const detail = wrong[0] && `${wrong[0].current()!.instances.map(({ id }) => id)} instead of ${truth}`
    return [
      ...failureRow(await load.stop()),
      { figure: 'watchers wrong after 5 s', value: wrong.length, unit: '', atMost: 0, of: WATCHERS, detail },
      { figure: 'requests of a watcher', value: perSecond, unit: '/s', atMost: 2, of: WATCHERS },
    ]
  },
} satisfies Fault

/** So that the index is far ahead. */
async function goOn(url: string): Promise<void> {
  const put = async (i: number) => {
    await (await request(`${url}/v1/kv/later/${i}`, { method: 'PUT', body: String(i) })).body.dump()
  }
  await Promise.all(Array.from({ length: 500 }, (_, i) => put(i)))
}

async function idsIn(url: string): Promise<string> {
  const entries = JSON.parse((await get(`${url}/v1/health/service/echo`)).text) as { Service: { ID: string } }[]
  return entries
    .map(({ Service }) => Service.ID)
    .sort()
    .join()
}

/** Requests for the health of services that the registry has answered since its start. */
async function asksOf(url: string): Promise<number> {
  const lines = (await get(`${url}/metrics`)).text.split('\n')
  const asks = lines.filter((line) => line.startsWith('skein_registry_requests_total{endpoint="/v1/health/service/"'))
  return asks.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
