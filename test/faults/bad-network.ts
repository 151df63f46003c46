/** R22: the network to all instances loses packets, delays them differently and lets them overtake each other. */
import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { startLoad } from '../support/load.ts'
import type { Fault } from './harness/contract.ts'
import { makeLink, needsLink, startFar } from './harness/far.ts'
import { get, startStage } from './harness/stage.ts'

const LOSS = 0.02
const JITTER_MS = 50
const INSTANCES = 3

export default {
  name: 'bad-network',
  what: `${100 * LOSS} % of packets lost, ${JITTER_MS} ms of jitter, reordering between gateway and instances (R22)`,
  ci: true,
  skip: needsLink,
  async run(context) {
    const { pick } = context
    const stage = await startStage(context, { instances: 0 })
    const link = await makeLink(context, { loss: LOSS, jitterMs: JITTER_MS })
    const starts = Array.from({ length: INSTANCES }, (_, i) => startFar(context, link, stage.registry.url, i + 1))
    const far = await Promise.all(starts)
    await stage.settled(INSTANCES)

    const load = startLoad({
      url: `${stage.url}/echo`,
      ratePerSecond: pick({ ci: 200, normal: 300, long: 300 }),
      limitMs: 3_700_000,
    })
    const posts = sendPosts(`${stage.url}/echo`, 50, pick({ ci: 4000, normal: 40_000, long: 600_000 }))
    const outcome = await posts
    const { sent, failures } = await load.stop()
    const served = await Promise.all(
      far.map(
        async ({ url }) => JSON.parse((await get(`${url}/served`)).text) as { bodies: string[]; doubled: number },
      ),
    )
    const bodies = served.flatMap((one) => one.bodies)
    const doubled = bodies.length - new Set(bodies).size + served.reduce((sum, one) => sum + one.doubled, 0)
    const detail = failures[0]?.what
    return [
      {
        figure: 'GETs answered in time',
        value: (100 * (sent - failures.length)) / sent,
        unit: '%',
        atLeast: 99.9,
        of: sent,
        detail,
      },
      {
        figure: 'POSTs answered in time',
        value: (100 * outcome.ok) / outcome.sent,
        unit: '%',
        atLeast: 99,
        of: outcome.sent,
        detail: outcome.first,
      },
      { figure: 'POSTs carried out twice', value: doubled, unit: '', atMost: 0, of: outcome.sent },
    ]
  },
} satisfies Fault

/** Each with a body of its own. */
async function sendPosts(url: string, ratePerSecond: number, forMs: number) {
  const end = performance.now() + forMs
  const under: Promise<void>[] = []
  let ok = 0
  let first: string | undefined
  for (let i = 0; performance.now() < end; i++) {
    const post = request(url, { method: 'POST', body: `post ${i}` }).then(async ({ statusCode, body }) => {
      const text = await body.text()
      if (statusCode === 200) ok++
      else first ??= `${statusCode} ${text.slice(0, 200)}`
    })
    const failed = (error: Error) => {
      first ??= error.message
    }
    under.push(post.catch(failed))
    await pause(1000 / ratePerSecond)
  }
  await Promise.all(under)
  return { sent: under.length, ok, first }
}
