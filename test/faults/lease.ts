/**
 * Leases: how soon an instance that is killed is out of health/service?passing, asked at the registry itself. And that nobody
 * is taken for dead when it is the registry that was killed, or stood still: its connections have broken then, too.
 */
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Entry } from '../../src/registry/history/contract.ts'
import { eventually } from '../support/up.ts'
import type { Fault } from './harness/contract.ts'
import { percentile } from './harness/percentile.ts'
import { get, startStage } from './harness/stage.ts'

const INSTANCES = 3

export default {
  name: 'lease',
  what: 'kill -9 of instances that hold a lease, then of their registry, which also stands still',
  ci: true,
  alone: true,
  async run(context) {
    const { dir, pick } = context
    const { registry, instances } = await startStage(context, {
      instances: INSTANCES,
      store: ['--data', path.join(dir, 'data')],
    })
    await allHeld(registry.url)
    const times: number[] = []
    for (let turn = 0; turn < pick({ ci: 2, normal: 20, long: 100 }); turn++) {
      const victim = instances[turn % INSTANCES]!
      times.push(await untilOut(registry.url, victim.id, () => victim.signal('SIGKILL')))
      await victim.restart()
      await allHeld(registry.url)
    }
    const before = await flips(registry.url)
    await registry.signal('SIGKILL')
    await registry.restart()
    await allHeld(registry.url)
    await registry.signal('SIGSTOP')
    await pause(pick({ ci: 2000, normal: 15_000, long: 60_000 }))
    await registry.signal('SIGCONT')
    await pause(1000)
    await allHeld(registry.url)
    const blamed = (await flips(registry.url)).slice(before.length)
    return [
      { figure: 'out after kill -9, median', value: percentile(times, 0.5), unit: 'ms', atMost: 500, of: times.length },
      { figure: 'out after kill -9, slowest', value: Math.max(...times), unit: 'ms', atMost: 1000, of: times.length },
      { figure: 'blamed for the registry', value: blamed.length, unit: '', atMost: 0, detail: blamed[0]?.Detail },
    ]
  },
} satisfies Fault

/** All pass, and their connections stand. */
async function allHeld(url: string): Promise<void> {
  await eventually('all leases', async () => {
    const held = /^skein_registry_leases (\d+)$/m.exec((await get(`${url}/metrics`)).text)?.[1]
    return Number(held) === INSTANCES && (await passing(url)).ids.length === INSTANCES
  })
}

async function untilOut(url: string, id: string, kill: () => void): Promise<number> {
  let { index, ids } = await passing(url)
  const killed = performance.now()
  kill()
  while (ids.includes(id)) ({ index, ids } = await passing(url, index))
  return performance.now() - killed
}

async function passing(url: string, index = 0): Promise<{ index: number; ids: readonly string[] }> {
  const answer = await fetch(`${url}/v1/health/service/echo?passing&wait=20s&index=${index}`)
  const entries = (await answer.json()) as { Service: { ID: string } }[]
  return { index: Number(answer.headers.get('x-consul-index')), ids: entries.map(({ Service }) => Service.ID) }
}

async function flips(url: string): Promise<readonly Entry[]> {
  const { text } = await get(`${url}/v1/skein/history?service=echo&kind=status&last=10000`)
  return (JSON.parse(text) as Entry[]).filter(({ To }) => To === 'critical')
}
