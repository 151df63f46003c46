/** gRPC through the gateway while an instance freezes, dies, and drains: calls that may be repeated must not fail. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { createCaller } from '../../src/client/caller.ts'
import { staticSource } from '../../src/discovery/source/static.ts'
import { startGateway } from '../../src/gateway/index.ts'
import { Metrics } from '../../src/telemetry/metrics.ts'
import type { Fault, FaultContext, Row } from './harness/contract.ts'
import { p99Row } from './harness/rows.ts'

const CALLS_AT_ONCE = 16
const PAUSE_MS = 5

const FAULTS: readonly (readonly [what: string, signal: NodeJS.Signals, maxMs: number])[] = [
  // A third of the deadline, then another instance is asked; twice that where the budget for retries is spent.
  ['an instance froze', 'SIGSTOP', 4_000],
  // The frozen one is asked again now and then.
  ['an instance was killed', 'SIGKILL', 2_500],
  ['an instance drained', 'SIGTERM', 2_500],
]

export default {
  name: 'grpc-instances',
  what: 'SIGSTOP, SIGKILL and SIGTERM of instances of gRPC under load, each of another one of four',
  ci: false,
  alone: true,
  async run(context) {
    const instances = await Promise.all(FAULTS.map(() => instance(context)).concat(instance(context)))
    const client = await edge(context, instances)
    const rows: Row[] = []
    for (const [i, [what, signal, maxMs]] of FAULTS.entries()) {
      const load = underLoad(client)
      await pause(500)
      instances[i]!.child.kill(signal)
      await pause(context.pick({ ci: 4_000, normal: 6_000, long: 60_000 }))
      const { latencies, failures } = await load.stop()
      const detail = failures[0] && `${failures[0].code}: ${failures[0].details}`
      rows.push(
        {
          figure: `failed calls while ${what}`,
          value: failures.length,
          unit: '',
          atMost: 0,
          of: latencies.length,
          detail,
        },
        p99Row(`p99 while ${what}`, latencies, { info: true }),
        { figure: `longest call while ${what}`, value: Math.max(...latencies), unit: 'ms', atMost: maxMs },
      )
    }
    return rows
  },
} satisfies Fault

interface GrpcInstance {
  readonly child: ChildProcess
  readonly port: number
}

async function instance({ after }: FaultContext): Promise<GrpcInstance> {
  const script = path.join(import.meta.dirname, 'harness/grpc-echo.ts')
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  after(() => void child.kill('SIGKILL'))
  const [printed] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, port: Number(String(printed)) }
}

async function edge({ after }: FaultContext, instances: readonly GrpcInstance[]): Promise<Client> {
  const source = staticSource(
    instances.map(({ port }) => ({
      ...{ id: `echo-${port}`, service: 'echo', address: '127.0.0.1', port, node: 'n', weight: 1, tags: [] },
      ...{ meta: { protocol: 'grpc' }, status: 'passing' as const },
    })),
  )
  const metrics = new Metrics()
  const caller = createCaller({ source, metrics })
  const config = { port: 0, routes: [{ to: 'echo', idempotent: true }] }
  const gateway = await startGateway({ config, caller, metrics, limits: { drainMs: 500 } })
  const client = new Client(`127.0.0.1:${gateway.port}`, credentials.createInsecure())
  after(async () => {
    client.close()
    await gateway.close()
    await caller.close()
  })
  return client
}

/** Closed loops: each calls again a moment after its answer. */
function underLoad(client: Client) {
  const latencies: number[] = []
  const failures: ServiceError[] = []
  let stopped = false
  const loop = async () => {
    while (!stopped) {
      const begun = performance.now()
      await call(client).catch((error: ServiceError) => failures.push(error))
      latencies.push(performance.now() - begun)
      await pause(PAUSE_MS)
    }
  }
  const loops = Array.from({ length: CALLS_AT_ONCE }, loop)
  return {
    async stop() {
      stopped = true
      await Promise.all(loops)
      return { latencies, failures }
    },
  }
}

const same = (bytes: Buffer) => bytes

function call(client: Client): Promise<Buffer> {
  const options = { deadline: Date.now() + 5_000 }
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      '/test.Echo/Unary',
      same,
      same,
      Buffer.from('hello'),
      new Metadata(),
      options,
      (error, answer) => (error === null ? resolve(answer!) : reject(error)),
    )
  })
}
