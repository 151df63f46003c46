/** R22: the network to all instances loses packets, delays them differently and lets them overtake each other. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { startLoad } from '../support/load.ts'
import { findProgram, needsProgram, type Skip } from '../support/needs.ts'
import { eventually, ROOT } from '../support/up.ts'
import type { Fault, FaultContext } from './harness/contract.ts'
import { get, startProcess, startStage } from './harness/stage.ts'

const LOSS = 0.02
const JITTER_MS = 50
const NEAR = '10.213.0.1'
const FAR = '10.213.0.2'
const INSTANCES = 3

export default {
  name: 'bad-network',
  what: `${100 * LOSS} % of packets lost, ${JITTER_MS} ms of jitter, reordering between gateway and instances (R22)`,
  ci: false,
  skip(): Skip {
    if (process.getuid?.() !== 0) return 'a network namespace is made by root only'
    if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun'
    return needsProgram('ip', 'iproute2') || needsProgram('python3')
  },
  async run(context) {
    const { pick } = context
    const stage = await startStage(context, { instances: 0 })
    const namespace = await makeLink(context)
    const urls = await Promise.all(Array.from({ length: INSTANCES }, (_, i) => startFar(context, namespace, i + 1)))
    for (const [i, url] of urls.entries()) await register(stage.registry.url, `far-${i + 1}`, Number(new URL(url).port))
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
      urls.map(async (url) => JSON.parse((await get(`${url}/served`)).text) as { bodies: string[]; doubled: number }),
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

async function makeLink({ after, seed }: FaultContext): Promise<string> {
  const namespace = `skein-fault-${process.pid}`
  const made = spawnSync('ip', ['netns', 'add', namespace], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
  after(() => void spawnSync('ip', ['netns', 'delete', namespace]))
  const args = [
    path.join(import.meta.dirname, 'harness/link.py'),
    namespace,
    NEAR,
    FAR,
    String(LOSS),
    '0',
    String(JITTER_MS),
    String(seed),
  ]
  const link = spawn(findProgram('python3')!, args)
  after(() => void link.kill('SIGKILL'))
  let told = ''
  for (const stream of [link.stdout, link.stderr]) stream.on('data', (chunk) => (told += chunk))
  await eventually(`the link (${told})`, async () => {
    if (link.exitCode !== null) throw new Error(told)
    return told.includes('up')
  })
  return namespace
}

/** On the other side of the link; its port is free there, as nobody else is. */
async function startFar(context: FaultContext, namespace: string, number: number): Promise<string> {
  const port = 4000 + number
  const entry = path.join(import.meta.dirname, 'harness/echo.ts')
  const args = ['run', entry, '--port', String(port), '--host', FAR, '--no-registry']
  const env = { SKEIN_INSTANCE: `far-${number}`, SKEIN_LOG_LEVEL: 'warn' }
  const child = startProcess(context, args, env, ROOT, ['ip', 'netns', 'exec', namespace])
  const url = `http://${FAR}:${port}`
  await eventually(`far-${number}`, async () => {
    if (child.gone()) throw new Error(child.output())
    return (await get(`${url}/health/ready`)).status === 200
  })
  return url
}

async function register(registry: string, ID: string, Port: number): Promise<void> {
  const Service = { ID, Service: 'echo', Address: FAR, Port }
  const body = JSON.stringify({ Node: 'far', Address: FAR, Service })
  await (await request(`${registry}/v1/catalog/register`, { method: 'PUT', body })).body.dump()
}

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
