/** Apps that nobody changed, in processes of their own, started with the hook. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { type RunningRegistry, startRegistry } from '../../registry/index.ts'
import { op, service } from '../define.ts'
import { start } from '../harness.suite.ts'
import { serviceName } from './name.ts'

const HOOK = new URL('../register.ts', import.meta.url).href

interface App {
  readonly process: ChildProcess
  /** Lines of JSON that it wrote. */
  readonly lines: Record<string, unknown>[]
  readonly output: () => string
  /** Resolves when the output has this. */
  printed(text: string): Promise<void>
  exited(): Promise<[number | null, NodeJS.Signals | null]>
}

async function app(source: string, env: Record<string, string>, run: (app: App) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-register-'))
  writeFileSync(path.join(dir, 'app.js'), source)
  writeFileSync(path.join(dir, 'package.json'), '{ "name": "@acme/legacy", "type": "commonjs" }')
  const child = spawn(process.execPath, ['--import', HOOK, 'app.js'], {
    cwd: dir,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  let output = ''
  child.stdout!.on('data', (data) => (output += data))
  child.stderr!.on('data', (data) => (output += data))
  const started: App = {
    process: child,
    output: () => output,
    get lines() {
      return output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line))
    },
    async printed(text) {
      while (!output.includes(text)) await Promise.race([once(child.stdout!, 'data'), once(child.stderr!, 'data')])
    },
    exited: () => exit,
  }
  try {
    await run(started)
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exit
    rmSync(dir, { recursive: true })
  }
}

async function withRegistry(run: (registry: RunningRegistry, consul: ConsulClient) => Promise<void>): Promise<void> {
  const registry = await startRegistry({ port: 0 })
  const consul = new ConsulClient({ address: registry.url })
  try {
    await run(registry, consul)
  } finally {
    await consul.close()
    await registry.close()
  }
}

interface Entry {
  readonly Service: {
    readonly ID: string
    readonly Address: string
    readonly Port: number
    readonly Meta: Record<string, string>
  }
  readonly Checks: readonly { readonly CheckID: string; readonly Type: string }[]
}

/** The instances of `name`, as soon as there are `count`. */
async function instances(consul: ConsulClient, name: string, count: number): Promise<Entry[]> {
  for (let index = 0; ; ) {
    const answer = await consul.get(`/v1/health/service/${name}?passing=1`, { index, waitMs: 10_000 })
    if ((answer.body as Entry[]).length === count) return answer.body as Entry[]
    index = answer.index
  }
}

const SERVER = `
const http = require('node:http')
http.createServer((req, res) => res.end('legacy ' + req.url)).listen(Number(process.env.PORT ?? 0), '127.0.0.1')`

describe('an unchanged app', () => {
  test('is registered with what it listens on, traced and logged, and gone before it ends', async () => {
    await withRegistry(async (registry, consul) => {
      await app(SERVER, { SKEIN_REGISTRY: registry.url, SKEIN_INSTANCE: 'legacy-1' }, async (it) => {
        const [entry] = await instances(consul, 'legacy', 1)
        const { ID, Address, Port, Meta } = entry!.Service
        const { metrics_port: metricsPort, ...meta } = Meta
        assert.deepEqual([ID, Address, meta], ['legacy-1', '127.0.0.1', { skein: '1' }])
        const types = entry!.Checks.filter(({ CheckID }) => CheckID.startsWith('service:')).map(({ Type }) => Type)
        assert.deepEqual(types.sort(), ['tcp', 'ttl'])

        const response = await fetch(`http://127.0.0.1:${Port}/a?b`, { headers: { 'x-request-id': 'r1' } })
        assert.equal(await response.text(), 'legacy /a?b')
        assert.equal(response.headers.get('x-request-id'), null)
        await it.printed('"kind":"access"')
        const line = it.lines.find(({ kind }) => kind === 'access')!
        assert.deepEqual(
          [line['path'], line['status'], line['requestId'], line['instance']],
          ['/a', 200, 'r1', 'legacy-1'],
        )
        const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
        assert.match(metrics, /skein_server_requests_total\{service="legacy",.*instance="legacy-1",code="200"\} 1/)

        it.process.kill('SIGTERM')
        await instances(consul, 'legacy', 0)
        assert.equal((await fetch(`http://127.0.0.1:${Port}/late`)).status, 200)
        assert.deepEqual(await it.exited(), [null, 'SIGTERM'])
      })
    })
  })

  test('gets its own signal handlers called, once, after it has left the registry', async () => {
    const source = `${SERVER.replace('http.create', 'const server = http.create')}
process.on('SIGTERM', async () => {
  const answer = await fetch(process.env.SKEIN_REGISTRY + '/v1/health/service/legacy')
  console.log('own handler, instances: ' + (await answer.json()).length)
  server.close()
  server.closeAllConnections()
})`
    await withRegistry(async (registry, consul) => {
      await app(source, { SKEIN_REGISTRY: registry.url, SKEIN_FLEET: 'test' }, async (it) => {
        await instances(consul, 'legacy', 1)
        it.process.kill('SIGTERM')
        await instances(consul, 'legacy', 0)
        // By itself: neither the beat nor the channel to the fleet keeps it alive.
        assert.deepEqual(await it.exited(), [0, null])
        assert.deepEqual(it.output().match(/own handler.*/g), ['own handler, instances: 0'])
      })
    })
  })

  test('finishes its answers when it has no handler', async () => {
    const source = `
require('node:http').createServer((req, res) => {
  console.log('called')
  process.on('message', () => res.end('late'))
}).listen(0, '127.0.0.1')`
    await withRegistry(async (registry, consul) => {
      await app(source, { SKEIN_REGISTRY: registry.url, SKEIN_FLEET: 'test' }, async (it) => {
        const [entry] = await instances(consul, 'legacy', 1)
        const answer = fetch(`http://127.0.0.1:${entry!.Service.Port}/`)
        await it.printed('called')
        it.process.kill('SIGTERM')
        await instances(consul, 'legacy', 0)
        it.process.send('go')
        assert.equal(await (await answer).text(), 'late')
        assert.deepEqual(await it.exited(), [null, 'SIGTERM'])
      })
    })
  })

  test('has its fetch to a service balanced, and other addresses left alone', async () => {
    const source = `
const http = require('node:http')
const server = http.createServer(async (req, res) => {
  const url = req.url === '/self' ? 'http://127.0.0.1:' + req.socket.localPort + '/' : 'http://users/name'
  if (req.url === '/') return res.end('self')
  if (req.url === '/close') return res.end('bye', () => server.close())
  try { res.end(await (await fetch(url)).text()) } catch (e) { res.end(String(e.cause ?? e)) }
})
server.listen(0, '127.0.0.1')`
    const users = service('users', { name: op({ route: 'GET /name' }, () => 'Ada') })
    await withRegistry(async (registry, consul) => {
      await using _one = await start(users, { registry: registry.url, instance: 'users-1' })
      await app(source, { SKEIN_REGISTRY: registry.url }, async (it) => {
        const [entry] = await instances(consul, 'legacy', 1)
        const url = `http://127.0.0.1:${entry!.Service.Port}`
        assert.equal(await (await fetch(`${url}/user`)).text(), '"Ada"')
        assert.equal(await (await fetch(`${url}/self`)).text(), 'self')
        // Its watch of users does not keep it alive when it closes its server.
        assert.equal(await (await fetch(`${url}/close`)).text(), 'bye')
        assert.deepEqual(await it.exited(), [0, null])
      })
    })
  })

  describe('with more to do than it can', () => {
    /** Answers when it is told to. */
    const held = `
const waiting = []
process.on('message', () => { for (const res of waiting.splice(0)) res.end('done') })
require('node:http').createServer((req, res) => {
  waiting.push(res)
  console.log('begun ' + req.url)
}).listen(0, '127.0.0.1')`

    test('refuses what is too much, and whoever calls it may ask elsewhere', async () => {
      await withRegistry(async (registry, consul) => {
        const env = { SKEIN_REGISTRY: registry.url, SKEIN_LIMIT: '1' }
        await app(held, env, async (it) => {
          const [entry] = await instances(consul, 'legacy', 1)
          const url = `http://127.0.0.1:${entry!.Service.Port}`
          const first = fetch(`${url}/first`)
          await it.printed('begun /first')
          const { status, headers } = await fetch(`${url}/second`)
          assert.deepEqual([status, headers.get('x-skein-error'), headers.get('retry-after')], [503, 'OVERLOADED', '1'])
          const metrics = await (await fetch(`http://127.0.0.1:${entry!.Service.Meta['metrics_port']}/metrics`)).text()
          assert.match(metrics, /skein_server_shed_total\{service="legacy",.*priority="interactive",reason="wait"\} 1/)
          it.process.send('go')
          assert.equal(await (await first).text(), 'done')
          const third = fetch(`${url}/third`, { method: 'POST', body: 'x'.repeat(100_000) })
          await it.printed('begun /third')
          const fourth = fetch(`${url}/fourth`)
          it.process.send('go')
          assert.equal(await (await third).text(), 'done')
          await it.printed('begun /fourth')
          it.process.send('go')
          assert.equal(await (await fourth).text(), 'done')
          assert.ok(!it.output().includes('begun /second'))
        })
      })
    })

    test('is not limited where that is off', async () => {
      await withRegistry(async (registry, consul) => {
        await app(held, { SKEIN_REGISTRY: registry.url, SKEIN_LIMIT: 'off' }, async (it) => {
          const [entry] = await instances(consul, 'legacy', 1)
          const all = Array.from({ length: 60 }, (_, i) => fetch(`http://127.0.0.1:${entry!.Service.Port}/${i}-`))
          for (const i of all.keys()) await it.printed(`begun /${i}-`)
          it.process.send('go')
          for (const one of all) assert.equal((await one).status, 200)
        })
      })
    })
  })

  test('ends with what it does not catch, as without the hook', async () => {
    const source = `
require('node:http').createServer(() => { throw new Error('of the app') }).listen(0, '127.0.0.1')`
    await withRegistry(async (registry, consul) => {
      await app(source, { SKEIN_REGISTRY: registry.url }, async (it) => {
        const [entry] = await instances(consul, 'legacy', 1)
        await assert.rejects(fetch(`http://127.0.0.1:${entry!.Service.Port}/`))
        assert.deepEqual(await it.exited(), [1, null])
        assert.match(it.output(), /Error: of the app\n {4}at .*app\.js/)
      })
    })
  })

  test('runs without a registry, and says so once', async () => {
    const source = `${SERVER.replace(').listen(', ").on('listening', function () { console.log('port ' + this.address().port) }).listen(")}`
    await app(source, { SKEIN_REGISTRY: 'http://127.0.0.1:1' }, async (it) => {
      await it.printed('not registered; trying on')
      const port = /port (\d+)/.exec(it.output())![1]
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/x`)).text(), 'legacy /x')
      assert.equal(it.output().match(/not registered/g)!.length, 1)
      it.process.kill('SIGINT')
      assert.deepEqual(await it.exited(), [null, 'SIGINT'])
    })
  })

  test('tells its fleet the port, and ends with it', async () => {
    await app(SERVER, { SKEIN_REGISTRY: 'http://127.0.0.1:1', SKEIN_FLEET: 'test' }, async (it) => {
      const [message] = (await once(it.process, 'message')) as [{ type: string; port: number }]
      assert.equal(message.type, 'skein:ready')
      assert.equal((await fetch(`http://127.0.0.1:${message.port}/`)).status, 200)
      it.process.disconnect()
      assert.deepEqual(await it.exited(), [1, null])
    })
  })

  test('that waits for messages of a parent which is no fleet goes on waiting', async () => {
    const source = "process.once('message', (text) => { console.log('got ' + text) }); process.send('up')"
    await app(source, {}, async (it) => {
      await once(it.process, 'message')
      it.process.send('hello')
      assert.deepEqual(await it.exited(), [0, null])
      assert.equal(it.output(), 'got hello\n')
    })
  })

  test('that is no server ends by itself, with its own status', async () => {
    await app("console.log('done'); process.exitCode = 3", { SKEIN_FLEET: 'test' }, async (it) => {
      assert.deepEqual(await it.exited(), [3, null])
      assert.equal(it.output(), 'done\n')
    })
  })
})

test('the name: SKEIN_SERVICE, else the nearest package.json, else none', () => {
  assert.equal(serviceName({ SKEIN_SERVICE: 'a-b' }, undefined), 'a-b')
  assert.equal(serviceName({ SKEIN_SERVICE: 'A b' }, undefined), undefined)
  assert.equal(serviceName({}, import.meta.filename), 'skein')
  assert.equal(serviceName({}, '/nowhere/app.js'), undefined)
})
