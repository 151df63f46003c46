/**
 * Three registries on three etcd members under writes. The leader is killed; a member is frozen; two are frozen, so that no
 * majority is left; history is compacted while a registry sleeps.
 */
import { setTimeout as pass } from 'node:timers/promises'
import { request } from 'undici'
import { needsEtcd } from '../support/etcd.ts'
import { eventually } from '../support/up.ts'
import { startWriters } from './harness/acknowledged.ts'
import type { Fault, FaultContext, Row } from './harness/contract.ts'
import { compact, type Shared, startShared } from './harness/etcd-kit.ts'

/** After the fault has ended. */
const RIGHT_AGAIN = { unit: 'ms', atMost: 5000 } as const

export default {
  name: 'etcd-members',
  what: 'etcd: leader killed, a member frozen, the majority frozen, history compacted behind a sleeping registry',
  ci: true,
  skip: needsEtcd,
  async run(context) {
    const shared = await startShared(context)
    const writers = startWriters(context, shared.urls)
    await writers.rightAgain()
    const rows: Row[] = []
    for (let round = 0; round < context.pick({ ci: 1, normal: 3, long: 20 }); round++) {
      for (const [name, fault] of Object.entries(FAULTS)) {
        const { more = [], undo } = await fault(shared, context)
        rows.push({ figure: `${name}: right again after`, value: await writers.rightAgain(), ...RIGHT_AGAIN }, ...more)
        await undo?.()
      }
    }
    return [...rows, ...(await writers.stop())]
  },
} satisfies Fault

interface Over {
  /** What else was measured. */
  readonly more?: readonly Row[]
  /** Before the next one. */
  undo?(): Promise<void>
}

/** Each resolves when the fault is over. */
const FAULTS: Readonly<Record<string, (shared: Shared, context: FaultContext) => Promise<Over>>> = {
  /** The others have to go on without it. */
  async 'leader killed'({ etcd }) {
    const leader = await etcd.leader()
    await leader.signal('SIGKILL')
    return { undo: () => leader.restart() }
  },
  async 'member frozen'({ etcd }, { random }) {
    const leader = await etcd.leader()
    const member = etcd.members.find((one) => one !== leader)!
    await member.signal('SIGSTOP')
    await pass(1000 + random() * 2000)
    await member.signal('SIGCONT')
    return {}
  },
  async 'majority frozen'({ etcd, urls }) {
    const [, ...frozen] = etcd.members
    for (const member of frozen) await member.signal('SIGSTOP')
    const said = await eventually('every registry to say so', () => unhealthy(urls))
    const reads = await Promise.all(urls.map((url) => status(`${url}/v1/kv/mark/?recurse`)))
    for (const member of frozen) await member.signal('SIGCONT')
    const served = reads.filter((one) => one === 200).length
    const more = [
      { figure: 'majority frozen: health says why', value: said, unit: '', atLeast: urls.length, of: urls.length },
      { figure: 'majority frozen: reads served', value: served, unit: '', atLeast: urls.length, of: urls.length },
    ]
    return { more }
  },
  async 'compacted behind a sleeper'({ etcd, registries: [sleeper] }) {
    await sleeper!.signal('SIGSTOP')
    await pass(1000)
    await compact(etcd)
    await sleeper!.signal('SIGCONT')
    return {}
  },
}

/** How many say that they cannot write, and why; undefined until all do. */
async function unhealthy(urls: readonly string[]): Promise<number | undefined> {
  const answers = await Promise.all(
    urls.map(async (url) => {
      const ready = await request(`${url}/health/ready`)
      const leader = await request(`${url}/v1/status/leader`)
      const why = await ready.body.text()
      return ready.statusCode === 503 && /No cluster leader/.test(why) && (await leader.body.text()) === '""'
    }),
  )
  return answers.every((one) => one) ? answers.length : undefined
}

async function status(url: string): Promise<number> {
  const answer = await request(url, { headersTimeout: 5000 })
  await answer.body.dump()
  return answer.statusCode
}
