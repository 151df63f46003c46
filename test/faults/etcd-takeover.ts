/**
 * Three registries on three etcd members; one is killed, then one is frozen and thawed. Others must run its checks within ten
 * seconds, and nothing that is healthy may turn critical or vanish, at any registry, at any time.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { request } from 'undici'
import { below } from '../../src/core/random.ts'
import { needsEtcd } from '../support/etcd.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { eventually } from '../support/up.ts'
import type { Fault, FaultContext, Row } from './harness/contract.ts'
import { startShared } from './harness/etcd-kit.ts'

export default {
  name: 'etcd-takeover',
  what: 'a registry of three is killed, another frozen and thawed: who runs its checks, and is anything lost',
  ci: true,
  skip: needsEtcd,
  async run(context) {
    const { registries } = await startShared(context)
    const usable = new Set(registries)
    const anyOne = () => [...usable][below(context.random, usable.size)]!
    const healthy = await startApplication(context)
    const failing = await startApplication(context)
    const count = context.pick({ ci: 12, normal: 30, long: 100 })
    await register(anyOne, 'healthy', healthy.port, count)
    await register(anyOne, 'failing', failing.port, count)
    const mistakes = watchMistakes(context, registries, count)
    beat(context, anyOne, count)

    const rows: Row[] = []
    const takeOver = async (figure: string, victim: RegistryProcess, signal: NodeJS.Signals) => {
      await eventually('all to pass', () => countPassing(anyOne(), 'failing').then((passing) => passing === count))
      usable.delete(victim)
      const started = performance.now()
      failing.status = 500
      await victim.signal(signal)
      await eventually(figure, () => countPassing(anyOne(), 'failing').then((passing) => passing === 0))
      rows.push({ figure, value: Math.round(performance.now() - started), unit: 'ms', atMost: 10_000, of: count })
      failing.status = 200
    }
    const [killed, frozen] = registries as [RegistryProcess, RegistryProcess]
    await takeOver('all checks run by others after kill -9', killed, 'SIGKILL')
    await killed.restart()
    usable.add(killed)
    await takeOver('all checks run by others after SIGSTOP', frozen, 'SIGSTOP')
    await frozen.signal('SIGCONT')
    usable.add(frozen)
    await eventually('all to pass again', () => countPassing(frozen, 'failing').then((passing) => passing === count))
    const seen = await mistakes.stop()
    rows.push({
      figure: 'healthy but seen critical or missing',
      value: seen.length,
      unit: '',
      atMost: 0,
      detail: seen[0],
    })
    return rows
  },
} satisfies Fault

async function startApplication({ after }: FaultContext) {
  const application = { status: 200, port: 0 }
  const server = createServer((_request, response) => response.writeHead(application.status).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close() && undefined)
  application.port = (server.address() as AddressInfo).port
  return application
}

async function ask(url: string, method: 'GET' | 'PUT', path: string, body?: unknown) {
  const init = body === undefined ? {} : { body: JSON.stringify(body) }
  const answer = await request(url + path, { method, headersTimeout: 8000, ...init })
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
}

async function register(anyOne: () => RegistryProcess, name: string, port: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const Checks = [
      { TTL: '6s', Status: 'passing', DeregisterCriticalServiceAfter: '1m' },
      { HTTP: `http://127.0.0.1:${port}/`, Interval: '1s', Timeout: '1s', Status: 'passing' },
    ]
    const body = { ID: `${name}-${i}`, Name: name, Address: '127.0.0.1', Port: port, Checks }
    const { status, text } = await ask(anyOne().url, 'PUT', '/v1/agent/service/register', body)
    if (status !== 200) throw new Error(text)
  }
}

/** Every instance beats every two seconds, at whichever registry works; what fails is sent again elsewhere. */
function beat({ after }: FaultContext, anyOne: () => RegistryProcess, count: number): void {
  const timer = setInterval(() => {
    for (const name of ['healthy', 'failing']) for (let i = 0; i < count; i++) void send(`service:${name}-${i}:1`)
  }, 2000)
  const send = async (id: string, tries = 3): Promise<unknown> => {
    const { status } = await ask(anyOne().url, 'PUT', `/v1/agent/check/pass/${id}`).catch(() => ({ status: 0 }))
    return status !== 200 && tries > 0 ? send(id, tries - 1) : undefined
  }
  after(() => clearInterval(timer))
}

interface Entry {
  readonly Service: { readonly ID: string }
  readonly Checks: readonly { readonly Status: string }[]
}

async function countPassing({ url }: RegistryProcess, service: string): Promise<number> {
  return (JSON.parse((await ask(url, 'GET', `/v1/health/service/${service}?passing`)).text) as Entry[]).length
}

/** Follows the healthy service at every registry. */
function watchMistakes(context: FaultContext, registries: readonly RegistryProcess[], count: number) {
  const seen: string[] = []
  const started = performance.now()
  let watching = true
  context.after(() => {
    watching = false
  })
  const watch = async ({ url }: RegistryProcess, number: number) => {
    for (let index = '0'; watching; ) {
      try {
        const { headers, text } = await ask(url, 'GET', `/v1/health/service/healthy?index=${index}&wait=1s`)
        index = String(headers['x-consul-index'])
        const wrong = mistakesIn(JSON.parse(text) as Entry[], count)
        const at = Math.round(performance.now() - started)
        seen.push(...wrong.map((what) => `registry ${number} after ${at} ms: ${what}`))
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100)) // dead or frozen: it says nothing
      }
    }
  }
  const running = registries.map(watch)
  return {
    async stop() {
      watching = false
      await Promise.all(running)
      return seen
    },
  }
}

function mistakesIn(entries: readonly Entry[], count: number): string[] {
  const critical = entries.filter(({ Checks }) => Checks.some(({ Status }) => Status === 'critical'))
  const missing = entries.length < count ? [`${count - entries.length} missing`] : []
  return [...critical.map(({ Service }) => `${Service.ID} critical`), ...missing]
}
