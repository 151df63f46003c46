/**
 * R33: 500 watchers and 200 instances lose the registry at the same moment. When it is back, empty, they may not all come in
 * the same second, and all must be there and know each other soon.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { silentLogger } from '../../src/core/log.ts'
import { ConsulClient } from '../../src/discovery/consul-client.ts'
import { consulSource } from '../../src/discovery/source/consul.ts'
import { adaptHandler } from '../../src/service/adapt/index.ts'
import { serve } from '../../src/service/serve.ts'
import { startRegistryProcess } from '../support/registry-process.ts'
import { eventually } from '../support/up.ts'
import type { Fault } from './harness/contract.ts'
import { startLyingRegistry } from './harness/lying-registry.ts'

const SERVICES = 20

export default {
  name: 'herd',
  what: '500 watchers and 200 instances reconnect to a registry that was away and is empty (R33)',
  ci: true,
  alone: true,
  async run(context) {
    const { after, pick, log } = context
    // Not fewer in CI: of a few, chance alone brings too many into one second.
    const [watchers, kits] = [500, 200]
    const registry = await startRegistryProcess(['--memory'])
    after(() => registry.close())
    // Each client has a token of its own, so that who comes when can be told.
    const proxy = await startLyingRegistry(context, () => registry.url)
    const servables = Array.from({ length: SERVICES }, (_, i) =>
      adaptHandler(`herd-${i}`, (_request, response) => response.end('here')),
    )
    const services = await Promise.all(
      Array.from({ length: kits }, (_, i) =>
        serve(servables[i % SERVICES]!, {
          registry: proxy.url,
          signals: false,
          drainDelayMs: 0,
          env: { SKEIN_INSTANCE: `kit-${i}`, SKEIN_REGISTRY_TOKEN: `kit-${i}` },
          log: silentLogger,
        }),
      ),
    )
    after(async () => void (await Promise.all(services.map((service) => service.close()))))
    const watches = Array.from({ length: watchers }, (_, i) => {
      const client = new ConsulClient({ address: proxy.url, token: `watcher-${i}` })
      const source = consulSource({ client })
      after(async () => void (await Promise.all([source.close(), client.close()])))
      return source.watch(`herd-${i % SERVICES}`)
    })
    const full = () =>
      watches.every((watch) => watch.current()?.instances.length === kits / SERVICES && !watch.current()!.stale)
    await eventually('a calm start', async () => full(), 60_000)

    await registry.signal('SIGKILL')
    await pause(pick({ ci: 10_000, normal: 40_000, long: 60_000 }))
    proxy.forget()
    await registry.restart()
    const back = performance.now()
    await eventually('everybody to be back', async () => full() && (await registered(registry.url)) === kits, 60_000)
    const convergedMs = performance.now() - back
    const came = [...proxy.first.values()]
    log(
      `${came.length} clients came between ${came
        .map((ms) => Math.round(ms - back))
        .sort((a, b) => a - b)
        .filter((_, i) => i % 50 === 0)} ms`,
    )
    const peak = peakOf(came)
    return [
      {
        figure: 'clients in the busiest second',
        value: (100 * peak) / (watchers + kits),
        unit: '%',
        atMost: 20,
        of: watchers + kits,
      },
      { figure: 'everybody back and known to all', value: convergedMs, unit: 'ms', atMost: 10_000 },
    ]
  },
} satisfies Fault

async function registered(url: string): Promise<number> {
  const passing = (await (await fetch(`${url}/v1/health/state/passing`)).json()) as { CheckID: string }[]
  return passing.filter(({ CheckID }) => CheckID.endsWith(':beat')).length
}

/** The most events in any second. */
function peakOf(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b)
  let from = 0
  return sorted.reduce((most, time, to) => {
    while (sorted[from]! < time - 1000) from++
    return Math.max(most, to - from + 1)
  }, 0)
}
