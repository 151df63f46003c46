/**
 * One of three instances cannot be reached any more: packets to it and from it vanish, on kept connections and on new ones, and
 * nobody says so. No check runs against it: the registry goes on saying that it is well. Then the network is back; its
 * part of the calls grows from there by slow start.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { startLoad } from '../support/load.ts'
import { eventually } from '../support/up.ts'
import type { Fault } from './harness/contract.ts'
import { makeLink, needsLink, startFar } from './harness/far.ts'
import { failureRow } from './harness/rows.ts'
import { attemptsOf, quietAfter, share } from './harness/shares.ts'
import { startStage } from './harness/stage.ts'

export default {
  name: 'instance-unreachable',
  what: 'the network to one of three instances swallows all packets under load, and is back',
  ci: true,
  alone: true,
  skip: needsLink,
  async run(context) {
    const { pick } = context
    // Ejections grow by 2 s each, up to 30: the last one may have begun just before the network is back.
    const [outMs, againMs] = pick({ ci: [4000, 6000], normal: [15_000, 10_000], long: [60_000, 32_000] })
    const stage = await startStage(context, { instances: 2 })
    const link = await makeLink(context)
    const { id } = await startFar(context, link, stage.registry.url, 1)
    await stage.settled(3)
    const load = startLoad({ url: `${stage.url}/echo`, ratePerSecond: pick({ ci: 300, normal: 2000, long: 2000 }) })
    await pause(1000)
    const cut = Date.now()
    link.pass(false)
    await pause(outMs)
    link.pass(true)
    const back = Date.now()
    const sent = attemptsOf(stage.accessLines())
    const before = sent.filter(({ at }) => at < back)
    const answered = await eventually('an answer of it', async () =>
      attemptsOf(stage.accessLines()).find(
        ({ at, instance, outcome }) => at > back && instance === id && outcome === 200,
      ),
    )
    const result = await load.stop()
    return [
      ...failureRow(result),
      { figure: 'its share before', value: 100 * share(sent, id, 0, cut), unit: '%', atLeast: 10 },
      { figure: 'its share is below 1 % after', value: quietAfter(before, id, cut), unit: 'ms', atMost: 2000 },
      { figure: 'it answers again after', value: answered.at - back, unit: 'ms', atMost: againMs },
    ]
  },
} satisfies Fault
