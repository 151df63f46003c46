/**
 * R37: calls go through a gateway to instances that are registered over etcd, at three registries and three members, while
 * those are killed, frozen and compacted. No call may fail, and after each fault the gateway must soon see who comes and goes.
 */
import { setTimeout as pass } from 'node:timers/promises'
import { needsEtcd } from '../support/etcd.ts'
import { startLoad } from '../support/load.ts'
import type { Fault } from './harness/contract.ts'
import { disturbAtRandom } from './harness/etcd-disturbances.ts'
import { startShared } from './harness/etcd-kit.ts'
import { failureRow } from './harness/rows.ts'
import { startStage } from './harness/stage.ts'

const INSTANCES = 3

export default {
  name: 'etcd-calls',
  what: 'calls through a gateway while etcd members and registries are killed, frozen and compacted (R37)',
  ci: false,
  skip: needsEtcd,
  async run(context) {
    const { random, pick } = context
    const shared = await startShared(context)
    const members = shared.etcd.urls.map((url) => new URL(url).host).join(',')
    const stage = await startStage(context, {
      instances: INSTANCES,
      store: ['--store', `etcd://${members}/fault`],
      registryAt: (url) => [url, ...shared.urls].join(','),
    })
    const load = startLoad({
      url: `${stage.url}/echo`,
      ratePerSecond: pick({ ci: 100, normal: 200, long: 500 }),
      limitMs: 3_600_000,
    })
    const rounds = pick({ ci: 2, normal: 10, long: 200 })
    const seenAfter: number[] = []
    for (let round = 0; round < rounds; round++) {
      const name = await disturbAtRandom(shared, random)
      const comes = await stage.startInstance(INSTANCES + 1 + round)
      const started = performance.now()
      await stage.settled(INSTANCES + 1)
      seenAfter.push(Math.round(performance.now() - started))
      context.log(`${name}: a new instance is seen after ${seenAfter.at(-1)} ms`)
      comes.signal('SIGTERM')
      await comes.exited
      await stage.settled(INSTANCES)
      await pass(random() * 500)
    }
    const unit = { unit: 'ms', of: rounds } as const
    return [
      ...failureRow(await load.stop()),
      {
        figure: 'a new instance seen after',
        value: Math.max(...seenAfter),
        ...unit,
        atMost: 5000,
        detail: seenAfter.join(' '),
      },
    ]
  },
} satisfies Fault
