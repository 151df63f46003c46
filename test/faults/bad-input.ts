/**
 * Requests and DNS messages that are wrong in every way at every endpoint: types, encodings, sizes, depth, heads, noise. The
 * registry must stay up and right, give away nothing of its insides, and not keep the memory.
 */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { freePort } from '../../src/core/free-port.ts'
import { type RegistryProcess, startRegistryProcess } from '../support/registry-process.ts'
import type { Fault, FaultContext } from './harness/contract.ts'
import { INSPECTED, liveMiB } from './harness/live-heap.ts'
import { malformedQuestion, malformedRequest } from './harness/malformed.ts'

/** An answer that takes longer is a held query: that is lawful, and not waited for. */
const PATIENCE_MS = 300
const AT_ONCE = 32

export default {
  name: 'bad-input',
  what: 'malformed HTTP requests at every endpoint, and malformed DNS by UDP and TCP',
  ci: true,
  async run(context) {
    const { after, pick, dir } = context
    const dnsPort = await freePort()
    const registry = await startRegistryProcess(['--data', dir, '--dns-port', String(dnsPort)], INSPECTED)
    after(() => registry.close())
    const { pid } = registry
    const requests = pick({ ci: 10_000, normal: 20_000, long: 500_000 })
    const tally: Tally = { answered: 0, leaks: [], internal: [], statuses: new Map() }

    await bombard(context, registry, requests / 4, tally)
    await askNonsense(context, dnsPort, requests / 20)
    await forget(registry)
    const before = await liveMiB(registry.output)
    await bombard(context, registry, (requests * 3) / 4, tally)
    const answers = await askNonsense(context, dnsPort, requests / 10)
    const right = await stillRight(registry)
    await forget(registry)
    const kept = (await liveMiB(registry.output)) - before
    const crashed = registry.output().includes('serves') && pid === registry.pid ? 0 : 1
    context.log(
      `answers: ${[...tally.statuses]
        .sort()
        .map(([status, n]) => `${status} × ${n}`)
        .join(', ')}`,
    )
    return [
      { figure: 'crashes', value: crashed, unit: '', atMost: 0, of: requests },
      { figure: 'requests answered', value: tally.answered, unit: '', atLeast: requests / 2, of: requests },
      {
        figure: 'stack traces in answers',
        value: tally.leaks.length,
        unit: '',
        atMost: 0,
        of: tally.answered,
        detail: tally.leaks[0],
      },
      {
        figure: 'internal errors',
        value: tally.internal.length,
        unit: '',
        atMost: 0,
        of: tally.answered,
        detail: tally.internal[0],
      },
      { figure: 'DNS messages answered', value: answers, unit: '', atLeast: 1, of: (requests * 3) / 20 },
      { figure: 'right questions answered right afterwards', value: right, unit: 'of 3', atLeast: 3 },
      { figure: 'memory kept', value: kept, unit: 'MiB', atMost: 8 },
    ]
  },
} satisfies Fault

interface Tally {
  answered: number
  readonly leaks: string[]
  readonly internal: string[]
  readonly statuses: Map<string, number>
}

async function bombard({ random }: FaultContext, { url }: RegistryProcess, count: number, tally: Tally): Promise<void> {
  const port = Number(new URL(url).port)
  let left = count
  const client = async () => {
    while (left-- > 0) {
      const bytes = malformedRequest(random)
      const answer = await exchange(port, bytes)
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'none'
      tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1)
      if (status !== 'none') tally.answered++
      const told = () => `${bytes.subarray(0, 300).toString('latin1')} → ${answer.slice(0, 600)}`
      if (/\n\s+at |node:internal|\/src\/|\.ts:\d/.test(answer)) tally.leaks.push(told())
      if (answer.includes('internal error')) tally.internal.push(told())
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, client))
}

/** What comes back until the other side closes, or patience ends. */
function exchange(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes))
    const done = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(done, PATIENCE_MS)
    socket.on('data', (chunk) => {
      if (answer.length < 100_000) answer += chunk.toString('latin1')
    })
    for (const end of ['close', 'error'] as const) socket.on(end, done)
  })
}

/** Half of it by UDP, half by TCP, there with a length that need not be right. How many answers came. */
async function askNonsense({ random }: FaultContext, port: number, count: number): Promise<number> {
  const socket = createSocket('udp4')
  let answers = 0
  socket.on('message', () => answers++)
  for (let i = 0; i < count / 2; i++) {
    socket.send(malformedQuestion(random), port, '127.0.0.1')
    if (i % 50 === 0) await pause(5)
  }
  for (let i = 0; i < count / 2; i += AT_ONCE) {
    const messages = Array.from({ length: AT_ONCE }, () => {
      const message = malformedQuestion(random)
      const length = Buffer.alloc(2)
      length.writeUInt16BE(random() < 0.8 ? message.length : Math.floor(random() * 65_536))
      return Buffer.concat([length, message])
    })
    const heard = await Promise.all(messages.map((message) => exchange(port, message)))
    answers += heard.filter((answer) => answer !== '').length
  }
  await pause(200)
  socket.close()
  return answers
}

/** Some of it was lawful after all, and stored: that is not what is measured. */
async function forget({ url }: RegistryProcess): Promise<void> {
  const list = async (path: string) => (await (await request(url + path)).body.json()) as Record<string, string>[]
  const send = async (method: 'PUT' | 'DELETE', path: string, body?: object) => {
    await (await request(url + path, { method, body: body === undefined ? null : JSON.stringify(body) })).body.dump()
  }
  await send('DELETE', '/v1/kv/?recurse')
  for (const { ID } of await list('/v1/session/list')) await send('PUT', `/v1/session/destroy/${ID}`)
  for (const { ID } of await list('/v1/query')) await send('DELETE', `/v1/query/${ID}`)
  const own = (await list('/v1/agent/services')) as unknown as Record<string, { ID: string }>
  for (const { ID } of Object.values(own)) await send('PUT', `/v1/agent/service/deregister/${encodeURIComponent(ID)}`)
  const nodes = await list('/v1/catalog/nodes')
  for (const { Node, Meta } of nodes)
    if (!JSON.stringify(Meta).includes('consul')) await send('PUT', '/v1/catalog/deregister', { Node })
}

async function stillRight({ url }: RegistryProcess): Promise<number> {
  const key = `${url}/v1/kv/after`
  const put = await request(key, { method: 'PUT', body: 'all' })
  const wrote = (await put.body.text()).trim() === 'true'
  const read = (await (await request(`${key}?raw`)).body.text()) === 'all'
  const nodes = (await (await request(`${url}/v1/catalog/nodes`)).body.json()) as unknown[]
  return [wrote, read, nodes.length > 0].filter(Boolean).length
}
