/**
 * R20: the leaf of three layers has a tenth too much to do for a while. Every layer retries what it may; together they may not
 * make the overload worse, nor prolong it.
 */
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort, ROOT } from '../support/up.ts'
import type { Fault } from './harness/contract.ts'
import { callAtRate } from './harness/open-loop.ts'
import { percentile } from './harness/percentile.ts'
import { get, startProcess, startStage } from './harness/stage.ts'

const WIDTH = 8
const MS = 40
const INSTANCES = 2
const CAPACITY = (INSTANCES * WIDTH * 1000) / MS

export default {
  name: 'retry-storm',
  what: 'the leaf of three layers has 10 % more calls than it has capacity for, then half of its answers fail (R20)',
  ci: true,
  async run(context) {
    const { pick, log } = context
    const env = { ECHO_WIDTH: String(WIDTH), ECHO_MS: String(MS) }
    const stage = await startStage(context, { instances: INSTANCES, env, route: { timeoutMs: 3000 } })
    const layer = async (name: string, to: string) => {
      const entry = path.join(import.meta.dirname, 'harness/relay.ts')
      const port = await freePort()
      const args = ['run', entry, '--port', String(port), '--registry', stage.registry.url]
      startProcess(
        context,
        args,
        { RELAY_NAME: name, RELAY_TO: to, SKEIN_REGISTRY: stage.registry.url, SKEIN_LOG_LEVEL: 'error' },
        ROOT,
      )
      return `http://127.0.0.1:${port}`
    }
    await layer('middle', 'echo')
    const front = await layer('front', 'middle')
    const url = `${front}/work`
    for (;;) {
      const { status } = await get(url).catch(() => ({ status: 0 }))
      if (status === 200) break
      await pause(100)
    }
    // All that came, also what was refused: that costs the leaf as well.
    const served = async () => {
      const counts = await Promise.all(stage.instances.map((one) => requestsAt(one.url)))
      return counts.reduce((sum, count) => sum + count, 0)
    }
    const calm = await callAtRate(url, CAPACITY / 2, 1000)
    const baseline = percentile(
      calm.map(({ ms }) => ms),
      0.99,
    )
    const stormMs = pick({ ci: 2500, normal: 10_000, long: 60_000 })
    const before = await served()
    const storm = await callAtRate(url, CAPACITY * 1.1, stormMs)
    const asked = (await served()) - before
    const after = await callAtRate(url, CAPACITY / 2, pick({ ci: 1500, normal: 10_000, long: 10_000 }))
    const recovered = after.filter(({ status, ms }) => status !== 200 || ms > 2 * baseline + 50).at(-1)?.dueMs ?? 0

    const [broken] = stage.instances
    for (const one of stage.instances) await one.set({ ms: 5, width: 1000 })
    await broken!.set({ status: 503 })
    const beforeErrors = await served()
    const failing = await callAtRate(url, 100, pick({ ci: 1500, normal: 10_000, long: 60_000 }))
    const askedFailing = (await served()) - beforeErrors
    log(
      `${storm.filter(({ status }) => status === 200).length} of ${storm.length} served at 110 %; p99 when calm ${baseline.toFixed(0)} ms`,
    )
    return [
      {
        figure: 'requests at the leaf for each of a user, at 110 %',
        value: asked / storm.length,
        unit: '',
        atMost: 1.2,
        of: storm.length,
      },
      { figure: 'normal again after', value: recovered, unit: 'ms', atMost: 9900 },
      {
        figure: 'requests for each, one of two failing',
        value: askedFailing / failing.length,
        unit: '',
        atMost: 1.2,
        of: failing.length,
      },
    ]
  },
} satisfies Fault

/** By the instance's own metrics; its probes do not count there. */
async function requestsAt(url: string): Promise<number> {
  const { text } = await get(`${url}/metrics`)
  const lines = text.match(/^skein_server_requests_total\{.*\} \d+$/gm) ?? []
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}
