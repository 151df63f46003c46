/** `skein gateway` with several workers, as real processes. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { makeAuthority, needsCertificates } from '../../../test/support/certificates.ts'
import { withRegistry } from '../../../test/support/running-registry.ts'
import { alive, eventually, ROOT } from '../../../test/support/up.ts'
import type { CandidateState } from '../../client/contract.ts'
import { freePort } from '../../core/free-port.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import type { GatewayConfig, RouteConfig } from '../../gateway/contract.ts'
import { type RunningRegistry, startRegistry } from '../../registry/index.ts'

const register = (consul: ConsulClient, record: { ID: string; Name: string; Address: string; Port: number }) =>
  consul.put('/v1/agent/service/register', record)

interface Asked {
  /** 0 where the connection broke. */
  readonly status: number
  readonly text: string
}

function ask(url: string, agent: Agent | false = false): Promise<Asked> {
  return new Promise((resolve) => {
    const asking = request(url, { agent }, async (answer: IncomingMessage) => {
      let text = ''
      try {
        for await (const chunk of answer) text += String(chunk)
        resolve({ status: answer.statusCode!, text })
      } catch (error) {
        resolve({ status: 0, text: String(error) })
      }
    })
    asking.on('error', (error) => resolve({ status: 0, text: String(error) }))
    asking.end()
  })
}

/** An upstream that answers `/hold` only when told to. */
async function upstream(t: Pick<TestContext, 'after'>, status = 200) {
  const held: ServerResponse[] = []
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === '/hold') held.push(outgoing)
    else outgoing.writeHead(status).end('ok')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, held }
}

interface Explained {
  readonly candidates: readonly CandidateState[]
}

interface WorkerLine {
  readonly worker: number
  readonly pid: number
  readonly state: string
  readonly inFlight: number
  readonly requests: number
}

class Edge {
  readonly url: string
  readonly admin: string
  readonly child: ChildProcess
  readonly exited: Promise<unknown[]>
  output = ''

  constructor(port: number, adminPort: number, child: ChildProcess) {
    this.url = `http://127.0.0.1:${port}`
    this.admin = `http://127.0.0.1:${adminPort}`
    this.child = child
    this.exited = once(child, 'exit')
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (bytes) => (this.output += String(bytes)))
  }

  async workers(): Promise<WorkerLine[]> {
    return JSON.parse((await ask(`${this.admin}/workers`)).text) as WorkerLine[]
  }

  async readyWorkers(count: number): Promise<WorkerLine[]> {
    return eventually(`${count} workers`, async () => {
      if (this.child.exitCode !== null) throw new Error(this.output)
      const workers = await this.workers()
      return workers.filter(({ state }) => state === 'ready').length === count && workers
    })
  }

  /** Resolves with them once another is in the place of the worker that had this process. */
  anotherFor(pid: number, count = 2): Promise<WorkerLine[]> {
    return eventually(`another in the place of ${pid}`, async () => {
      const workers = await this.readyWorkers(count)
      return workers.every((worker) => worker.pid !== pid) && workers
    })
  }

  async metric(name: string): Promise<number> {
    const lines = (await ask(`${this.admin}/metrics`)).text.split('\n').filter((line) => line.startsWith(name))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }

  /** A worker counts a request once the system has its last byte, which may be after its client does. */
  counts(name: string, wanted: number): Promise<unknown> {
    return eventually(`${name} ${wanted}`, async () => (await this.metric(name)) === wanted)
  }

  said(pattern: RegExp): Promise<unknown> {
    return eventually(String(pattern), async () => pattern.test(this.output))
  }
}

describe('a gateway of several workers', { timeout: 600_000 }, () => {
  let registry: RunningRegistry
  let consul: ConsulClient
  withRegistry((client, running) => {
    consul = client
    registry = running
  })

  let services = 0
  /** A service of its own for each test, with these ports as instances. */
  async function service(...ports: number[]): Promise<string> {
    const name = `service-${++services}`
    for (const port of ports)
      await register(consul, { ID: `${name}-${port}`, Name: name, Address: '127.0.0.1', Port: port })
    return name
  }

  const put = (name: string, config: Partial<GatewayConfig>) =>
    consul.kvPut(`skein/gateway/${name}`, JSON.stringify(config))

  async function edge(
    t: Pick<TestContext, 'after'>,
    config: Partial<GatewayConfig> & { routes: RouteConfig[] },
    { workers = 2, env = {} }: { workers?: number; env?: NodeJS.ProcessEnv } = {},
  ): Promise<Edge & { readonly name: string; configure(config: Partial<GatewayConfig>): Promise<unknown> }> {
    const name = `edge-${++services}`
    await put(name, config)
    const [port, adminPort] = [await freePort(), await freePort()]
    const args = ['gateway', '--name', name, '--registry', registry.url, '--workers', String(workers)]
    const ports = ['--port', String(port), '--admin-port', String(adminPort)]
    const child = spawn(process.execPath, [path.join(ROOT, 'bin/skein.js'), ...args, ...ports], {
      env: { ...process.env, ...env },
    })
    const started = new Edge(port, adminPort, child)
    t.after(async () => {
      child.kill('SIGKILL')
      await started.exited
    })
    await started.readyWorkers(workers)
    return Object.assign(started, { name, configure: (next: Partial<GatewayConfig>) => put(name, next) })
  }

  /** Connections that stay, one for each worker, in the order of the workers. Nobody else may ask meanwhile. */
  async function connections(t: TestContext, one: Edge): Promise<Agent[]> {
    const found = new Map<number, Agent>()
    let before = await one.workers()
    while (found.size < before.length) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      t.after(() => agent.destroy())
      assert.equal((await ask(`${one.url}/`, agent)).status, 200)
      const { worker, now } = await eventually('who had it', async () => {
        const now = await one.workers()
        const i = now.findIndex(({ requests }, at) => requests > before[at]!.requests)
        return i !== -1 && { worker: now[i]!.worker, now }
      })
      found.set(worker, agent)
      before = now
    }
    return [...found].sort(([a], [b]) => a - b).map(([, agent]) => agent)
  }

  test('all serve on one port, and read like one: requests, metrics, explain, readiness', async (t) => {
    const { port, held } = await upstream(t)
    const to = await service(port)
    const one = await edge(t, { routes: [{ path: '/*', to }] }, { workers: 3 })
    const statuses = await Promise.all(Array.from({ length: 60 }, () => ask(`${one.url}/`)))
    assert.deepEqual(new Set(statuses.map(({ status }) => status)), new Set([200]))
    const workers = await one.workers()
    assert.deepEqual(
      workers.map(({ worker }) => worker),
      [1, 2, 3],
    )
    assert.equal(new Set(workers.map(({ pid }) => pid)).size, 3)
    assert.ok(
      workers.every(({ requests }) => requests > 0),
      JSON.stringify(workers),
    )
    await one.counts('skein_gateway_requests_total{', 60)
    await one.counts('skein_gateway_request_duration_seconds_count{', 60)
    await one.counts('skein_gateway_workers ', 3)
    const waiting = Array.from({ length: 20 }, () => ask(`${one.url}/hold`))
    await eventually('20 at the upstream', async () => held.length === 20)
    await one.counts('skein_gateway_in_flight_requests ', 20)
    const explained = JSON.parse((await ask(`${one.admin}/explain?path=/x`)).text)
    assert.equal(explained.candidates.length, 1)
    assert.equal(explained.candidates[0].inFlight, 20)
    for (const response of held) response.end('late')
    assert.ok((await Promise.all(waiting)).every(({ status }) => status === 200))
    const ready = await ask(`${one.admin}/health/ready`)
    assert.deepEqual([ready.status, JSON.parse(ready.text).workers], [200, { ready: 3, of: 3 }])
    assert.equal((await ask(`${one.admin}/explain?path=/../x`)).status, 400)
    assert.equal(JSON.parse((await ask(`${one.admin}/routes`)).text)[0].to, to)
    assert.match((await ask(`${one.admin}/nothing`)).text, /there are .*\/workers/)
  })

  test('kill -9 of one: only the requests that it had fail, the port stays open, and another takes its place', async (t) => {
    const { port, held } = await upstream(t)
    const one = await edge(t, { routes: [{ path: '/*', to: await service(port), timeoutMs: 300_000 }] })
    const waiting = Array.from({ length: 40 }, () => ask(`${one.url}/hold`))
    await eventually('40 at the upstream', async () => held.length === 40)
    const [victim, other] = (await one.workers()) as [WorkerLine, WorkerLine]
    assert.equal(victim.inFlight + other.inFlight, 40)
    const counted = await one.metric('skein_gateway_requests_total{')
    process.kill(victim.pid, 'SIGKILL')
    const between = await Promise.all(Array.from({ length: 50 }, () => ask(`${one.url}/`)))
    const refused = between.filter(({ status }) => status !== 200)
    // A connection that was waiting to be accepted by the dead one is the dead one's as well.
    assert.ok(
      refused.every(({ text }) => /ECONNRESET|socket hang up/.test(text)),
      JSON.stringify(refused),
    )
    const renewed = await one.anotherFor(victim.pid)
    assert.equal(renewed[1]!.pid, other.pid)
    const after = await Promise.all(Array.from({ length: 50 }, () => ask(`${one.url}/`)))
    assert.ok(after.every(({ status }) => status === 200))
    for (const response of held) response.end('late')
    const answers = await Promise.all(waiting)
    assert.equal(answers.filter(({ status }) => status === 0).length, victim.inFlight, 'those of the dead one')
    assert.equal(answers.filter(({ status }) => status === 200).length, other.inFlight, 'all of the other')
    assert.equal(await one.metric('skein_gateway_worker_restarts_total '), 1)
    assert.ok((await one.metric('skein_gateway_requests_total{')) >= counted + 50, 'no counter goes back')
  })

  test('20 configs under load: no request fails, and each config reaches all', async (t) => {
    const { port } = await upstream(t)
    const to = await service(port)
    const stays: RouteConfig = { path: '/*', to }
    const one = await edge(t, { routes: [stays] }, { workers: 3 })
    const agent = new Agent({ keepAlive: true, maxSockets: 12 })
    t.after(() => agent.destroy())
    const failed: Asked[] = []
    let sent = 0
    let isOver = false
    const load = async () => {
      while (!isOver) {
        const answer = await ask(`${one.url}/`, sent++ % 3 === 0 ? false : agent)
        if (answer.status !== 200) failed.push(answer)
      }
    }
    const loads = Array.from({ length: 6 }, load)
    for (let i = 1; i <= 20; i++) {
      await one.configure({ routes: [stays, { path: `/new/${i}`, redirect: { path: '/', status: 308 } }] })
      await eventually(`config ${i}`, async () => (await ask(`${one.admin}/routes`)).text.includes(`/new/${i}`))
    }
    isOver = true
    await Promise.all(loads)
    assert.deepEqual(failed, [])
    // Each takes it up by itself.
    for (const each of await connections(t, one)) {
      await eventually('the last one', async () => (await ask(`${one.url}/new/20`, each)).status === 308)
    }
    assert.ok(sent > 100)
  })

  test('a config with mistakes is refused once for all, and who begins later begins with the last good one', async (t) => {
    const { port } = await upstream(t)
    const to = await service(port)
    const one = await edge(t, { routes: [{ path: '/*', to }] })
    await one.configure({ routes: [{ path: '/*', to, pth: '/x' } as RouteConfig] })
    await one.said(/this config is refused/)
    await one.configure({ routes: [{ path: '/*', to }], host: '0.0.0.0' })
    await one.said(/cannot change from 127/)
    assert.equal(one.output.match(/this config is refused/g)?.length, 2)
    const [{ pid }] = (await one.workers()) as [WorkerLine]
    process.kill(pid, 'SIGKILL')
    await one.anotherFor(pid)
    for (const agent of await connections(t, one)) assert.equal((await ask(`${one.url}/`, agent)).status, 200)
  })

  test('a limit is the same for four workers as for one', async (t) => {
    const { port } = await upstream(t)
    const rateLimit = { requests: 50, seconds: 36_000, by: 'route' } as const
    const routes: RouteConfig[] = [
      { path: '/limited', to: await service(port), rateLimit },
      { path: '/*', to: await service(port) },
    ]
    const one = await edge(t, { routes }, { workers: 4 })
    const spread = async (count: number) => {
      const answers = await Promise.all(Array.from({ length: count }, () => ask(`${one.url}/limited`)))
      return [200, 429].map((wanted) => answers.filter(({ status }) => status === wanted).length)
    }
    assert.deepEqual(await spread(40), [40, 0])
    assert.deepEqual(await spread(100), [10, 90], 'not one more, not one less')
    await one.configure({ routes: [...routes, { path: '/other', to: 'nobody' }] })
    await eventually('the config', async () => (await ask(`${one.admin}/routes`)).text.includes('/other'))
    const [{ pid }] = (await one.workers()) as [WorkerLine]
    process.kill(pid, 'SIGKILL')
    await one.anotherFor(pid, 4)
    assert.deepEqual(await spread(40), [0, 40], 'neither a reload nor a new worker forgives')
    assert.ok((await one.workers()).every(({ requests }) => requests > 0))
  })

  test('an instance that one of them ejects is out for all', async (t) => {
    const [good, bad] = [await upstream(t), await upstream(t, 500)]
    const routes: RouteConfig[] = [
      { path: '/judged', to: await service(good.port, bad.port), balance: 'round-robin' },
      { path: '/*', to: await service(good.port) },
    ]
    const one = await edge(t, { routes })
    const [first, second] = (await connections(t, one)) as [Agent, Agent]
    const status = async (agent: Agent) => (await ask(`${one.url}/judged`, agent)).status
    // The fifth failure takes it out, for two seconds.
    for (let failures = 0; failures < 5; ) if ((await status(first)) === 500) failures++
    // The news goes from process to process. Five failures of its own would be no news: in turn, half of the calls meet them.
    let failed = 0
    await eventually('four in a row without it', async () => {
      const seen: number[] = []
      for (let i = 0; i < 4; i++) seen.push(await status(second))
      failed += seen.filter((one) => one === 500).length
      return !seen.includes(500)
    })
    assert.ok(failed < 5, `the other worker was told, and did not find out by ${failed} failures`)
    await eventually('it is told', async () => {
      // When its time is over a call finds it as bad as before, and it is out again.
      await status(first)
      const { candidates } = JSON.parse((await ask(`${one.admin}/explain?path=/judged`)).text) as Explained
      const out = candidates.find(({ instance }) => instance.port === bad.port)!
      return !out.eligible && /^ejected/.test(out.reason ?? '')
    })
  })

  test('files of TLS are seen from the config, and a session that one worker began goes on at another', {
    skip: needsCertificates(),
  }, async (t) => {
    const { port } = await upstream(t)
    const to = await service(port)
    const folder = mkdtempSync(path.join(tmpdir(), 'skein-workers-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const { ca } = makeAuthority(folder)('a.test')
    const [outer, adminPort] = [await freePort(), await freePort()]
    const tls = { certificates: [{ cert: './a.test.pem', key: 'a.test.key' }] }
    const gateway = { port: outer, workers: 3, tls, routes: [{ path: '/*', to }] }
    const services = { [to]: { command: 'true' } }
    writeFileSync(path.join(folder, 'skein.config.json'), JSON.stringify({ services, gateway }))
    const args = ['gateway', '--config', path.join(folder, 'skein.config.json'), '--registry', registry.url]
    const command = [path.join(ROOT, 'bin/skein.js'), ...args, '--admin-port', String(adminPort)]
    const one = new Edge(outer, adminPort, spawn(process.execPath, command, { cwd: tmpdir() }))
    t.after(() => one.child.kill('SIGKILL'))
    await one.readyWorkers(3)
    let session: Buffer | undefined
    const begin = async () => {
      const options = { host: '127.0.0.1', port: outer, servername: 'a.test', ca: readFileSync(ca), session }
      const socket = connect(options)
      socket.on('session', (next) => {
        session = next
      })
      await once(socket, 'secureConnect')
      const isGoingOn = socket.isSessionReused()
      socket.write('GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n')
      let text = ''
      for await (const bytes of socket) text += String(bytes)
      assert.match(text, /^HTTP\/1\.1 200 /)
      return isGoingOn
    }
    assert.equal(await begin(), false)
    const haveAll = async () => (await one.workers()).every(({ requests }) => requests > 0)
    for (let i = 0; i < 20 || !(await haveAll()); i++) assert.equal(await begin(), true)
    one.child.kill('SIGHUP')
    await eventually('three reloads', async () => one.output.match(/gateway reloaded/g)?.length === 3)
    for (let i = 0; i < 10; i++) assert.equal(await begin(), true, 'nor does a reload end it')
  })

  test('functions of a config file run in every worker, and those of the changed file after a SIGHUP', async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'skein-workers-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const [outer, adminPort] = [await freePort(), await freePort()]
    const write = (text: string) => {
      const steps = `[function said() { return new Response('${text}') }]`
      const gateway = `{ port: ${outer}, workers: 2, routes: [{ path: '/*', to: 'a', steps: ${steps} }] }`
      writeFileSync(
        path.join(folder, 'skein.config.mjs'),
        `export default { services: { a: { command: 'true' } }, gateway: ${gateway} }`,
      )
    }
    write('one')
    const args = ['gateway', '--config', folder, '--registry', registry.url, '--admin-port', String(adminPort)]
    const one = new Edge(outer, adminPort, spawn(process.execPath, [path.join(ROOT, 'bin/skein.js'), ...args]))
    t.after(() => one.child.kill('SIGKILL'))
    await one.readyWorkers(2)
    const answers = async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => ask(`${one.url}/`)))
      return new Set(all.map(({ text }) => text))
    }
    assert.deepEqual(await answers(), new Set(['one']))
    assert.ok((await one.workers()).every(({ requests }) => requests > 0))
    write('two')
    one.child.kill('SIGHUP')
    await eventually('two reloads', async () => one.output.match(/gateway reloaded/g)?.length === 2)
    assert.deepEqual(await answers(), new Set(['two']))
    assert.match((await ask(`${one.admin}/routes`)).text, /function said/)
  })

  test('SIGTERM lets what is under way end at all of them', async (t) => {
    const { port, held } = await upstream(t)
    const one = await edge(t, { routes: [{ path: '/*', to: await service(port) }] })
    const waiting = Array.from({ length: 20 }, () => ask(`${one.url}/hold`))
    await eventually('20 at the upstream', async () => held.length === 20)
    const workers = await one.workers()
    one.child.kill('SIGTERM')
    await eventually('a closed port', async () => (await ask(`${one.url}/`)).status === 0)
    for (const response of held) response.end('late')
    assert.ok((await Promise.all(waiting)).every(({ status }) => status === 200))
    assert.deepEqual(await one.exited, [0, null])
    assert.ok(workers.every(({ pid }) => !alive(pid)))
  })

  test('SIGTERM to one worker: it drains, its counters stay in the sum, another takes its place', async (t) => {
    const { port, held } = await upstream(t)
    const one = await edge(t, { routes: [{ path: '/*', to: await service(port) }] })
    const waiting = Array.from({ length: 20 }, () => ask(`${one.url}/hold`))
    await eventually('20 at the upstream', async () => held.length === 20)
    const [{ pid }] = (await one.workers()) as [WorkerLine]
    process.kill(pid, 'SIGTERM')
    for (const response of held) response.end('late')
    assert.ok((await Promise.all(waiting)).every(({ status }) => status === 200))
    await one.anotherFor(pid)
    await one.counts('skein_gateway_requests_total{', 20)
  })

  test('no worker stays when the supervisor is killed', async (t) => {
    const { port } = await upstream(t)
    const folder = mkdtempSync(path.join(tmpdir(), 'skein-workers-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const one = await edge(t, { routes: [{ path: '/*', to: await service(port) }] }, { env: { TMPDIR: folder } })
    const workers = await one.workers()
    const shared = () => readdirSync(folder).filter((name) => name.startsWith('skein-gateway-'))
    assert.equal(shared().length, 1)
    one.child.kill('SIGKILL')
    await eventually('their end', async () => workers.every(({ pid }) => !alive(pid)))
    assert.deepEqual(shared(), [], 'nor what they shared')
  })

  test('a second gateway does not quietly share the port', async (t) => {
    const { port } = await upstream(t)
    const one = await edge(t, { routes: [{ path: '/*', to: await service(port) }] })
    const args = ['gateway', '--name', one.name, '--registry', registry.url, '--workers', '2']
    const child = spawn(process.execPath, [path.join(ROOT, 'bin/skein.js'), ...args, '--port', new URL(one.url).port])
    let output = ''
    child.stderr.on('data', (bytes) => (output += String(bytes)))
    assert.deepEqual(await once(child, 'exit'), [1, null])
    assert.match(output, /port \d+ \(gateway\) is taken/)
  })

  test('a worker that begins while the registry is away serves what the others know', async (t) => {
    const { port } = await upstream(t)
    const own = await startRegistry({ port: 0 })
    t.after(() => own.close())
    const client = new ConsulClient({ address: own.url })
    await register(client, { ID: 'a', Name: 'a', Address: '127.0.0.1', Port: port })
    await client.kvPut('skein/gateway/lonely', JSON.stringify({ workers: 2, routes: [{ path: '/*', to: 'a' }] }))
    await client.close()
    const [outer, adminPort] = [await freePort(), await freePort()]
    const args = ['gateway', '--name', 'lonely', '--registry', own.url, '--port', String(outer)]
    const folder = mkdtempSync(path.join(tmpdir(), 'skein-workers-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const command = [path.join(ROOT, 'bin/skein.js'), ...args, '--admin-port', String(adminPort)]
    const child = spawn(process.execPath, command, { env: { ...process.env, TMPDIR: folder } })
    const one = new Edge(outer, adminPort, child)
    t.after(() => child.kill('SIGKILL'))
    await one.readyWorkers(2)
    for (const agent of await connections(t, one)) assert.equal((await ask(`${one.url}/`, agent)).status, 200)
    await eventually('a snapshot', async () =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((file) =>
        /instances.*skein-snapshot$/.test(file),
      ),
    )
    await own.close()
    const [{ pid }] = (await one.workers()) as [WorkerLine]
    process.kill(pid, 'SIGKILL')
    await one.anotherFor(pid)
    for (const agent of await connections(t, one)) assert.equal((await ask(`${one.url}/`, agent)).status, 200)
    child.kill('SIGTERM')
    await one.exited
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('skein-gateway-')),
      [],
    )
  })
})
