import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { Agent, request } from 'undici'
import { VirtualClock } from '../core/clock.ts'
import { op, service } from './define.ts'
import { recorder, type Started, scriptedRegistry, start } from './harness.suite.ts'
import { serve } from './serve.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A service whose `hold` answers when told to. */
function holding() {
  const released = Promise.withResolvers<void>()
  const ping = op({ route: 'GET /ping' }, () => 'pong')
  const hold = op({ route: 'GET /hold' }, async () => {
    await released.promise
    return 'held'
  })
  return { release: () => released.resolve(), servable: service('a', { hold, ping }) }
}

async function untilInFlight({ metrics }: Started, count: number): Promise<void> {
  const wanted = `skein_server_in_flight_requests{service="a",instance="a-1"} ${count}\n`
  while (!metrics.toText().includes(wanted)) await turn()
}

for (const server of ['wire', 'node'] as const) {
  describe(`closing, on ${server}`, () => {
    test('during 200 requests in flight loses none', async () => {
      const { servable, release } = holding()
      // Without one, as on a slow machine it would refuse those that wait for so long.
      const it = await start(servable, { server, instance: 'a-1', limit: false })
      const agent = new Agent({ connections: 200 })
      const answers = Array.from({ length: 200 }, async () => {
        const { statusCode, body } = await request(`${it.url}/hold`, { dispatcher: agent })
        return `${statusCode} ${await body.text()}`
      })
      await untilInFlight(it, 200)
      const closed = it.close()
      await turn()
      release()
      assert.deepEqual(new Set(await Promise.all(answers)), new Set(['200 "held"']))
      await closed
      await assert.rejects(fetch(`${it.url}/ping`))
      await agent.destroy()
    })

    test('goes: deregister, not ready but serving, refusing on kept connections, closed', async () => {
      await using registry = await scriptedRegistry()
      const clock = new VirtualClock()
      const { servable, release } = holding()
      const it = await start(servable, { server, instance: 'a-1', registry: registry.url, clock, drainDelayMs: 500 })
      const agent = new Agent({ connections: 1, pipelining: 2 })
      const get = (path: string) => request(it.url + path, { dispatcher: agent, ...{ blocking: false } })

      const closed = it.close()
      await registry.seen(/deregister/)
      while ((await it.ask('GET /health/ready')).status === 200) await turn()
      assert.deepEqual((await it.ask('GET /health/ready')).body, { status: 'draining' })
      const still = await it.ask('GET /ping')
      assert.deepEqual([still.status, still.headers.get('connection')], [200, 'close'])

      // One connection, two requests: the first is held over the end of the drain, the second comes after it.
      const held = get('/hold')
      await untilInFlight(it, 1)
      clock.advance(500)
      // It serves on until nobody new has come for a while.
      assert.equal((await it.ask('GET /ping')).status, 200)
      while (await reachable(it.url)) clock.advance(50)
      release()
      assert.equal((await held).statusCode, 200)
      await (await held).body.dump()
      await closed
      await agent.destroy()
    })

    test('refuses a request that comes on a kept connection with SHUTTING_DOWN', async () => {
      const { servable, release } = holding()
      const it = await start(servable, { server, instance: 'a-1' })
      const socket = connect(it.port, '127.0.0.1').setEncoding('utf8')
      let answers = ''
      socket.on('data', (data) => (answers += data))
      socket.write('GET /hold HTTP/1.1\r\nHost: a\r\n\r\n')
      await untilInFlight(it, 1)
      const other = connect(it.port, '127.0.0.1').setEncoding('utf8')
      let refused = ''
      other.on('data', (data) => (refused += data))
      // The head is begun before the close, so the connection is not idle; it ends after.
      other.write('GET /ping HTTP/1.1\r\nHost: a\r\n')
      await once(other, 'connect')
      await (await fetch(`${it.url}/ping`)).text()
      const closed = it.close()
      await turn()
      other.write('\r\n')
      await once(other, 'close')
      assert.match(refused, /^HTTP\/1.1 503 .*x-skein-error: SHUTTING_DOWN.*connection: close/is)
      const ended = once(socket, 'close')
      release()
      await Promise.all([closed, ended])
      assert.match(answers, /^HTTP\/1.1 200 /)
    })

    test('breaks off what still runs after the drain time-out, and says how many', async () => {
      const clock = new VirtualClock()
      const { servable } = holding()
      const it = await start(servable, { server, instance: 'a-1', clock, drainTimeoutMs: 10_000 })
      const held = assert.rejects(it.ask('GET /hold'))
      await untilInFlight(it, 1)
      const closed = it.close()
      while (!(await refusesConnections(it.url))) await turn()
      clock.advance(10_000)
      await closed
      await held
      assert.ok(it.lines.some(({ inFlight, level }) => inFlight === 1 && level === 40))
    })

    test('is done once, and onStop comes last', async () => {
      const order: string[] = []
      const ok = op({}, () => 1)
      const note = (what: string) => () => void order.push(what)
      const it = await start(service('a', { ok }, { onStart: note('start'), onStop: note('stop') }))
      order.push('serving')
      await Promise.all([it.close(), it.close()])
      assert.deepEqual(order, ['start', 'serving', 'stop'])
    })
  })
}

describe('starting', () => {
  const ok = op({}, () => 1)
  const quiet = { registry: false, signals: false, env: {}, log: recorder().log } as const

  test('ends with what onStart throws, and does not listen', async () => {
    const broken = service('a', { ok }, { onStart: () => Promise.reject(new Error('no database')) })
    await assert.rejects(serve(broken, quiet), /no database/)
  })

  test('closes what onStart opened when the port is taken', async () => {
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    let stopped = 0
    const { port } = other.address() as { port: number }
    await assert.rejects(serve(service('a', { ok }, { onStop: () => stopped++ }), { ...quiet, port }), /EADDRINUSE/)
    assert.equal(stopped, 1)
    other.close()
  })

  test('reports all settings that are wrong', async () => {
    const env = { SKEIN_PORT: 'x', SKEIN_WEIGHT: '0' }
    await assert.rejects(
      serve(service('a', { ok }), { ...quiet, env }),
      /SKEIN_PORT: x is not[\s\S]*SKEIN_WEIGHT: 0 is not/,
    )
  })

  test('takes its place from the environment', async () => {
    const it = await serve(service('a', { ok }), { ...quiet, env: { SKEIN_INSTANCE: 'a-7', SKEIN_HOST: '', PORT: '' } })
    assert.deepEqual([it.id, it.url], ['a-7', `http://127.0.0.1:${it.port}`])
    await it.close()
  })
})

async function reachable(url: string): Promise<boolean> {
  return !(await refusesConnections(url))
}

async function refusesConnections(url: string): Promise<boolean> {
  const agent = new Agent()
  try {
    const { body } = await request(`${url}/health/live`, { dispatcher: agent })
    await body.dump()
    return false
  } catch {
    return true
  } finally {
    await agent.destroy()
  }
}

/** A process that serves, with an IPC channel as a fleet gives it. */
async function child(source: string): Promise<{ process: ChildProcess; port: number; output: () => string }> {
  const imports = ['define', 'serve'].map(
    (name) => `import * as ${name} from '${new URL(`./${name}.ts`, import.meta.url)}'`,
  )
  const code = `${imports.join('\n')}\nconst { op, service } = define\nconst { serve: run } = serve\n${source}`
  const started = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, SKEIN_FLEET: 'test', SKEIN_LOG_LEVEL: 'warn' },
  })
  let output = ''
  started.stdout!.on('data', (data) => (output += data))
  started.stderr!.on('data', (data) => (output += data))
  const [message] = (await Promise.race([
    once(started, 'message'),
    once(started, 'exit').then(() => Promise.reject(new Error(output))),
  ])) as [{ port: number }]
  return { process: started, port: message.port, output: () => output }
}

describe('a process', () => {
  const SERVE = `
    const hold = op({ route: 'GET /hold' }, () => new Promise((resolve) => setTimeout(resolve, 200, 'held')))
    const never = op({ route: 'GET /never' }, () => { process.send('called'); return new Promise(() => {}) })
    const onStop = () => console.log('stopped')
    await run(service('a', { hold, never }, { onStop }), { registry: false })
    await run(service('b', { hold }, { onStop }), { registry: false })`

  test('drains every service in it on SIGTERM and exits with 0', async () => {
    const { process: it, output } = await child(SERVE)
    const exited = once(it, 'exit')
    it.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null])
    assert.equal(output(), 'stopped\nstopped\n')
  })

  test('asked to end while it starts it ends in order: what was begun is stopped, what was registered is removed', async () => {
    await using registry = await scriptedRegistry()
    registry.answer = (target) => (target.includes('/v1/kv/') ? undefined : 200)
    const { process: it, output } = await child(`
      const parts = { onStart: () => console.log('started'), onStop: () => console.log('stopped') }
      const starting = run(service('a', { ping: op({ route: 'GET /ping' }, () => 1) }, parts), { registry: '${registry.url}', drainDelayMs: 0 })
      process.send({ port: 0 })
      await starting`)
    await registry.seen(/\/v1\/kv\//)
    const exited = once(it, 'exit')
    it.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null])
    assert.equal(output(), 'started\nstopped\n')
    await registry.seen(/deregister/)
  })

  test('asked to end while its onStart runs it is never registered', async () => {
    await using registry = await scriptedRegistry()
    const { process: it, output } = await child(`
      const parts = {
        async onStart() {
          process.send({ port: 0 })
          const awake = setInterval(() => {}, 1000)
          await new Promise((resolve) => process.once('SIGTERM', resolve))
          clearInterval(awake)
        },
        onStop: () => console.log('stopped'),
      }
      await run(service('a', {}, parts), { registry: '${registry.url}' })`)
    const exited = once(it, 'exit')
    it.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null])
    assert.equal(output(), 'stopped\n')
    assert.deepEqual(registry.requests, [])
  })

  test('exits at once on a second signal', async () => {
    const { process: it, port } = await child(SERVE)
    const called = new Promise<void>((resolve) => it.on('message', (text) => text === 'called' && resolve()))
    fetch(`http://127.0.0.1:${port}/never`).catch(() => {})
    await called
    it.kill('SIGTERM')
    while (!(await refusesConnections(`http://127.0.0.1:${port}`))) await turn()
    const exited = once(it, 'exit')
    it.kill('SIGINT')
    assert.deepEqual(await exited, [130, null])
  })

  test('ends when its fleet is gone', async () => {
    const { process: it } = await child(SERVE)
    const exited = once(it, 'exit')
    it.disconnect()
    assert.deepEqual(await exited, [1, null])
  })

  test('ends by itself once all is closed: nothing keeps it alive, no watch of its clients either', async () => {
    const { process: it } = await child(
      `import { defaultCaller } from '${new URL('../client/default.ts', import.meta.url)}'
      const call = { service: 'b', method: 'GET', path: '/', headers: [], policy: { deadlineMs: 50 } }
      await defaultCaller().request(call).catch(() => {})
      const a = await run(service('a', { x: op({}, () => 1) }), { registry: false })\nawait a.close()`,
    )
    assert.deepEqual(it.exitCode === null ? await once(it, 'exit') : [it.exitCode, null], [0, null])
  })
})

test('a time that is none is told before anything is begun', async () => {
  for (const wrong of [
    { drainDelayMs: Number.NaN },
    { drainTimeoutMs: -1 },
    { drainTimeoutMs: Number.POSITIVE_INFINITY },
  ])
    await assert.rejects(
      start(service('a', {}), wrong),
      /settings: drain\w+Ms: \S+ is not a time in ms\. Use 0 to a day/,
    )
})
