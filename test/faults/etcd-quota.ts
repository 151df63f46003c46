/**
 * etcd is filled up to its quota by history. Writes fail and say what to do, reads go on, sessions can be renewed and nothing
 * healthy turns critical; after what the message says was done, all is right again without a restart.
 */
import { request } from 'undici'
import { needsEtcd } from '../support/etcd.ts'
import { eventually } from '../support/up.ts'
import { startWriters } from './harness/acknowledged.ts'
import type { Fault } from './harness/contract.ts'
import { compact, startShared } from './harness/etcd-kit.ts'

const QUOTA = 8_000_000
const TTL_MS = 1000

export default {
  name: 'etcd-quota',
  what: 'etcd at its quota (8 MB): writes refused with the way out, then compacted, defragmented and disarmed',
  ci: true,
  skip: needsEtcd,
  async run(context) {
    const shared = await startShared(context, { size: 1, args: ['--quota-backend-bytes', String(QUOTA)] }, 2)
    const { etcd, urls } = shared
    const writers = startWriters(context, urls)

    const [url] = urls as [string]
    const Check = { TTL: `${TTL_MS}ms`, Status: 'passing' }
    await ask('PUT', `${url}/v1/agent/service/register`, JSON.stringify({ Name: 'web', ID: 'web', Port: 1, Check }))
    const session = JSON.parse((await ask('PUT', `${url}/v1/session/create`, '{"TTL":"10s"}')).text) as { ID: string }
    const beats = setInterval(
      () => void ask('PUT', `${url}/v1/agent/check/pass/service:web`).catch(() => {}),
      TTL_MS / 4,
    )
    context.after(() => clearInterval(beats))

    let value = ''
    let writes = 0
    const refused = await eventually('etcd to be full', async () => {
      const next = `${writes++}`.padEnd(400_000, '.')
      const answer = await ask('PUT', `${url}/v1/kv/big`, next)
      if (answer.status !== 200) return answer.text
      value = next
      return undefined
    })
    const unhealthy = await eventually('both to say so', async () => {
      const states = await Promise.all(urls.map((one) => ask('GET', `${one}/health/ready`)))
      return states.every(({ status, text }) => status === 503 && /quota/.test(text)) && states.length
    })
    const read = await ask('GET', `${url}/v1/kv/big?raw`)
    const renewed = await ask('PUT', `${url}/v1/session/renew/${session.ID}`)
    await new Promise((resolve) => setTimeout(resolve, 2 * TTL_MS))
    const critical = JSON.parse((await ask('GET', `${urls[1]!}/v1/health/state/critical`)).text) as unknown[]

    await compact(etcd)
    await etcd.call('maintenance/defragment', {})
    const { alarms } = (await etcd.call('maintenance/alarm', {})) as { alarms: object[] }
    for (const alarm of alarms) await etcd.call('maintenance/alarm', { action: 'DEACTIVATE', ...alarm })
    const rightAgain = await writers.rightAgain()
    const healthy = await eventually('both to be ready', async () => {
      const states = await Promise.all(urls.map((one) => ask('GET', `${one}/health/ready`)))
      return states.every(({ status }) => status === 200) && states.length
    })
    const yes = (is: boolean) => ({ value: is ? 1 : 0, unit: '', atLeast: 1 })
    return [
      { figure: 'the refusal names compact, defrag and disarm', ...yes(/compact.*defrag.*disarm/.test(refused)) },
      { figure: 'registries that say so', value: unhealthy, unit: '', atLeast: 2, of: 2 },
      { figure: 'reads served', ...yes(read.text === value) },
      { figure: 'sessions renewed', ...yes(renewed.status === 200) },
      { figure: 'checks critical by mistake', value: critical.length, unit: '', atMost: 0 },
      { figure: 'right again after', value: rightAgain, unit: 'ms', atMost: 5000 },
      { figure: 'ready again', value: healthy, unit: '', atLeast: 2, of: 2 },
      ...(await writers.stop()),
    ]
  },
} satisfies Fault

async function ask(method: 'GET' | 'PUT', url: string, body?: string) {
  const answer = await request(url, { method, headersTimeout: 10_000, ...(body === undefined ? {} : { body }) })
  return { status: answer.statusCode, text: await answer.body.text() }
}
