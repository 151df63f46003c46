/** What may happen to registries and etcd members at any time, without anything acknowledged being lost. */
import { setTimeout as pass } from 'node:timers/promises'
import { below, type Random } from '../../../src/core/random.ts'
import { compact, type Shared } from './etcd-kit.ts'

/** Resolves with its name once everything runs again. */
export async function disturbAtRandom(shared: Shared, random: Random): Promise<string> {
  const name = NAMES[below(random, NAMES.length)]!
  await DISTURBANCES[name](shared, random)
  return name
}

/** Each leaves everything running. */
const DISTURBANCES = {
  async 'leader killed'({ etcd }: Shared, random: Random) {
    const leader = await etcd.leader()
    await leader.signal('SIGKILL')
    await pass(500 + random() * 2000)
    await leader.restart()
  },
  async 'leader frozen'({ etcd }: Shared, random: Random) {
    const leader = await etcd.leader()
    await leader.signal('SIGSTOP')
    await pass(500 + random() * 4000)
    await leader.signal('SIGCONT')
  },
  async 'member frozen'({ etcd }: Shared, random: Random) {
    const member = etcd.members[below(random, etcd.members.length)]!
    await member.signal('SIGSTOP')
    await pass(200 + random() * 2000)
    await member.signal('SIGCONT')
  },
  async 'registry killed'({ registries }: Shared, random: Random) {
    const registry = registries[below(random, registries.length)]!
    await registry.signal('SIGKILL')
    await registry.restart()
  },
  async 'registry frozen'({ registries }: Shared, random: Random) {
    const registry = registries[below(random, registries.length)]!
    await registry.signal('SIGSTOP')
    await pass(200 + random() * 6000)
    await registry.signal('SIGCONT')
  },
  compacted: ({ etcd }: Shared) => compact(etcd),
}

const NAMES = Object.keys(DISTURBANCES) as (keyof typeof DISTURBANCES)[]
