/**
 * What the scoreboard's faults are made on: a registry, a gateway and instances of one service, each a real process of the
 * CLI's, and clients that call through the gateway at a constant rate.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { request } from 'undici'
import type { GatewayConfig } from '../../../src/gateway/contract.ts'
import { type RegistryProcess, startRegistryProcess } from '../../support/registry-process.ts'
import { eventually, freePort, ROOT } from '../../support/up.ts'
import type { FaultContext } from './contract.ts'
import type { Mode } from './echo.ts'

export interface StagePlan {
  readonly instances?: number
  /** Of the registry; default `--memory`. */
  readonly store?: readonly string[]
  /** Where gateway and instances look for the registry, when not there where it is. */
  readonly registryAt?: (url: string) => string
  readonly route?: Omit<GatewayConfig['routes'][number], 'path' | 'to'>
  /** More routes to the service, before it. */
  readonly routes?: readonly (Omit<GatewayConfig['routes'][number], 'to'> & { readonly path: string })[]
  /** For all instances, or by number. */
  readonly env?: NodeJS.ProcessEnv | ((number: number) => NodeJS.ProcessEnv)
  readonly gatewayEnv?: NodeJS.ProcessEnv
  /** How many instances the gateway has to choose from; default all. */
  readonly eligible?: number
}

export interface Stage {
  readonly registry: RegistryProcess
  /** Of the gateway; `/echo` answers. */
  readonly url: string
  readonly admin: string
  readonly gateway: Process
  readonly instances: readonly Echo[]
  /** Resolves when the gateway has `count` instances to choose from. */
  settled(count: number): Promise<void>
  startInstance(number: number): Promise<Echo>
  /** What the gateway logged about requests since the last call. */
  accessLines(): AccessLine[]
}

export interface AccessLine {
  readonly time: string
  readonly status: number
  readonly durationMs: number
  readonly attempts: readonly {
    readonly instance: string
    readonly outcome: number | string
    readonly durationMs: number
    readonly hedge?: true
  }[]
}

export interface Process {
  readonly pid: number
  readonly output: () => string
  readonly gone: () => boolean
  signal(name: NodeJS.Signals): void
  readonly exited: Promise<unknown>
}

export interface Echo extends Process {
  readonly id: string
  readonly url: string
  /** Starts it again, where it was. */
  restart(): Promise<void>
  set(mode: Mode): Promise<void>
}

export async function startStage(context: FaultContext, plan: StagePlan = {}): Promise<Stage> {
  const { dir, after } = context
  const { instances: count = 3, store = ['--memory'], registryAt = (url: string) => url } = plan
  const registry = await startRegistryProcess(store)
  after(() => registry.close())
  const address = registryAt(registry.url)
  const startInstance = (number: number) => startEcho(context, number, address, plan.env)
  const instances = await Promise.all(Array.from({ length: count }, (_, i) => startInstance(i + 1)))
  const [port, adminPort] = [await freePort(), await freePort()]
  const folder = path.join(dir, `stage-${port}`)
  mkdirSync(folder)
  const routes = (plan.routes ?? []).map((route) => ({ ...route, to: 'echo' }))
  const config: GatewayConfig = { port, routes: [...routes, { ...plan.route, path: '/*', to: 'echo' }] }
  const services = `echo: { entry: '${path.join(import.meta.dirname, 'echo.ts')}' }`
  writeFileSync(
    path.join(folder, 'skein.config.mjs'),
    `export default { services: { ${services} }, gateway: ${JSON.stringify(config)} }\n`,
  )
  const args = ['gateway', '--config', 'skein.config.mjs', '--registry', address, '--admin-port', String(adminPort)]
  const gateway = startProcess(context, args, plan.gatewayEnv ?? {}, folder)
  const url = `http://127.0.0.1:${port}`
  const admin = `http://127.0.0.1:${adminPort}`
  let read = 0
  const stage: Stage = {
    ...{ registry, url, admin, gateway, instances, startInstance },
    async settled(wanted) {
      await eventually(`${wanted} instances at the gateway`, async () => (await eligible(admin)) === wanted)
    },
    accessLines() {
      const whole = gateway.output()
      const end = whole.lastIndexOf('\n') + 1
      const lines = whole
        .slice(read, end)
        .split('\n')
        .filter((line) => line.includes('"kind":"access"'))
      read = Math.max(read, end)
      return lines.map((line) => JSON.parse(line) as AccessLine)
    },
  }
  await eventually('the gateway', async () => (await get(`${admin}/health/ready`)).status === 200 || ended(gateway))
  await stage.settled(plan.eligible ?? count)
  return stage
}

function ended(child: Process): false {
  if (child.gone()) throw new Error(`it ended: ${child.output()}`)
  return false
}

async function startEcho(
  context: FaultContext,
  number: number,
  registry: string,
  env: StagePlan['env'] = {},
): Promise<Echo> {
  const id = `echo-${number}`
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const own = typeof env === 'function' ? env(number) : env
  const all = { SKEIN_INSTANCE: id, SKEIN_LOG_LEVEL: 'warn', ...own }
  const args = ['run', path.join(import.meta.dirname, 'echo.ts'), '--port', String(port), '--registry', registry]
  let child: Process
  const start = async () => {
    child = startProcess(context, args, all, ROOT)
    await eventually(id, async () => (await get(`${url}/health/ready`)).status === 200 || ended(child))
  }
  await start()
  return {
    id,
    url,
    get pid() {
      return child.pid
    },
    get exited() {
      return child.exited
    },
    output: () => child.output(),
    gone: () => child.gone(),
    signal: (name) => child.signal(name),
    restart: start,
    async set(mode) {
      await (await request(`${url}/mode`, { method: 'PUT', body: JSON.stringify(mode) })).body.dump()
    },
  }
}

/** A command of Skein's that runs until it is told to end, or the fault is over. */
export function startProcess(
  { after }: FaultContext,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
  wrapper: readonly string[] = [],
): Process {
  const [program, ...all] = [...wrapper, process.execPath, path.join(ROOT, 'bin/skein.js'), ...args]
  const child: ChildProcess = spawn(program!, all, { cwd, env: { ...process.env, ...env } })
  const parts: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => parts.push(String(chunk)))
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const gone = () => child.exitCode !== null || child.signalCode !== null
  after(async () => {
    if (gone()) return
    child.kill('SIGCONT')
    child.kill('SIGKILL')
    await exited
  })
  return { pid: child.pid!, output: () => joined(parts), gone, exited, signal: (name) => void child.kill(name) }
}

/** Joins what came since, so that asking often costs no more than what is new. */
function joined(parts: string[]): string {
  if (parts.length > 1) parts.splice(0, parts.length, parts.join(''))
  return parts[0] ?? ''
}

async function eligible(admin: string): Promise<number> {
  const explained = JSON.parse((await get(`${admin}/explain?method=GET&path=/echo`)).text) as {
    candidates?: { eligible: boolean }[]
  }
  return (explained.candidates ?? []).filter((one) => one.eligible).length
}

export async function get(url: string): Promise<{ status: number; text: string }> {
  const answer = await request(url, { headersTimeout: 5000 })
  return { status: answer.statusCode, text: await answer.body.text() }
}
