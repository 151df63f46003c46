/** A gateway in front of upstreams that no Skein runs: they are registered by hand, each as a service of its own. */
import { readdirSync, readlinkSync } from 'node:fs'
import { request } from 'undici'
import type { GatewayConfig } from '../../../src/gateway/contract.ts'
import { startRegistryProcess } from '../../support/registry-process.ts'
import { eventually, freePort, ROOT } from '../../support/up.ts'
import type { FaultContext } from './contract.ts'
import { get, type Process, startProcess } from './stage.ts'

export interface Edge {
  readonly url: string
  readonly admin: string
  readonly registry: string
  readonly process: Process
  /** Puts a config in force; resolves when the gateway follows it. */
  configure(routes: GatewayConfig['routes']): Promise<void>
  metrics(): Promise<string>
  /** Process IDs, in the order in which they began; only where there are several. */
  workers(): Promise<number[]>
  /** All of them serve. */
  ready(): Promise<boolean>
}

/** `upstreams` are ports of 127.0.0.1, by the name of their service. */
export async function startEdge(
  context: FaultContext,
  upstreams: Readonly<Record<string, number>>,
  routes: GatewayConfig['routes'],
  env: NodeJS.ProcessEnv = {},
  workers = 1,
): Promise<Edge> {
  const registry = await startRegistryProcess(['--memory'])
  context.after(() => registry.close())
  for (const [name, port] of Object.entries(upstreams)) await registerInstance(registry.url, name, port)
  const [port, adminPort] = [await freePort(), await freePort()]
  const [url, admin] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${adminPort}`]
  const put = (list: GatewayConfig['routes']) =>
    putText(`${registry.url}/v1/kv/skein/gateway/edge`, JSON.stringify({ routes: list }))
  await put(routes)
  const args = ['gateway', '--name', 'edge', '--registry', registry.url, '--workers', String(workers)]
  const ports = ['--port', String(port), '--admin-port', String(adminPort)]
  const gateway = startProcess(context, [...args, ...ports], env, ROOT)
  const ready = async () => {
    const { status, text } = await get(`${admin}/health/ready`)
    return status === 200 && (workers === 1 || text.includes(`"ready":${workers}`))
  }
  await eventually('the gateway', () => {
    if (gateway.gone()) throw new Error(`it ended: ${gateway.output()}`)
    return ready()
  })
  return {
    ...{ url, admin, registry: registry.url, process: gateway },
    async configure(list) {
      await put(list)
      const wanted = JSON.stringify(list.map(({ name }) => name).sort())
      await eventually('the new routes', async () => {
        const { text } = await get(`${admin}/routes`)
        return JSON.stringify(namesIn(text)) === wanted
      })
    },
    ready,
    workers: async () => (JSON.parse((await get(`${admin}/workers`)).text) as { pid: number }[]).map(({ pid }) => pid),
    metrics: async () => (await get(`${admin}/metrics`)).text,
  }
}

const namesIn = (text: string) => (JSON.parse(text) as { name: string }[]).map(({ name }) => name).sort()

/** Without checks: it is passing until somebody takes it out. */
export async function registerInstance(registry: string, name: string, port: number, number = 1): Promise<void> {
  const record = { ID: `${name}-${number}`, Name: name, Address: '127.0.0.1', Port: port }
  await putText(`${registry}/v1/agent/service/register`, JSON.stringify(record))
}

async function putText(url: string, body: string): Promise<void> {
  const answer = await request(url, { method: 'PUT', body })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode} ${text}`)
}

/** Sockets that a process holds. */
export function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((fd) => linkOf(`${folder}/${fd}`).startsWith('socket:')).length
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '' // closed since it was listed
    throw error
  }
}
