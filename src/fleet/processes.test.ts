import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { type Clock, systemClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import type { Fleet, InstanceInfo, ServiceSpec } from './contract.ts'
import { ProcessFleet } from './fleet.ts'
import { systemHost } from './host/system.ts'
import { startFleet } from './index.ts'
import { change, command, folder, gone, isAlive, PLAIN, SERVICE } from './process-bench.suite.ts'
import { findTools } from './tools.ts'

async function started(t: TestContext, specs: readonly ServiceSpec[], exits: InstanceInfo[] = []): Promise<Fleet> {
  const fleet = await startFleet({ specs, onExit: (info) => exits.push(info) })
  t.after(() => fleet.close(500))
  await fleet.settled()
  return fleet
}

const pids = (fleet: Fleet) => fleet.list().map(({ pid }) => pid!)
const texts = (fleet: Fleet, instance: string) => fleet.logs({ instance }).map(({ text }) => text)
const NODE = process.execPath // as a path it is any program, run under the guard

test('runs Node programs and others, each on its port, and drains them', async (t) => {
  const cwd = folder(t, { 'service.js': SERVICE, 'plain.js': PLAIN })
  const exits: InstanceInfo[] = []
  const specs = [
    command('service', cwd, ['node', 'service.js'], { instances: 2 }),
    command('plain', cwd, ['node', 'plain.js'], { healthPath: '/' }),
    command('other', cwd, [NODE, 'plain.js']),
  ]
  const fleet = await started(t, specs, exits)
  const states = fleet.list().map(({ id, state }) => `${id} ${state}`)
  assert.deepEqual(states, ['service-1 ready', 'service-2 ready', 'plain-1 ready', 'other-1 ready'])
  const answers = await Promise.all(
    fleet.list().map(({ port }) => fetch(`http://127.0.0.1:${port}/`).then((r) => r.text())),
  )
  assert.deepEqual(answers, ['service-1', 'service-2', 'plain', 'plain'])
  const running = pids(fleet)
  await fleet.close()
  assert.deepEqual(running.filter(isAlive), [])
  assert.deepEqual(texts(fleet, 'service-2'), ['serving as service-2', 'drained'])
  assert.equal(exits.length, 4)
})

test('an entry is run by `skein run`, with its own name, port and weight', async (t) => {
  const skein = `
    import { readFileSync } from 'node:fs'
    console.log(process.argv.slice(2).join(' '), process.env.SKEIN_WEIGHT, process.env.SKEIN_PORT, process.env.PORT)
    await import(process.argv[3])`
  const cwd = folder(t, { 'service.js': SERVICE, 'skein.js': skein })
  const fleet = new ProcessFleet({
    specs: [{ name: 'a', entry: `${cwd}/service.js`, cwd, env: {}, instances: 1, weights: [5] }],
    environment: { ...process.env, PORT: '1' },
    tools: { ...findTools(), skein: `${cwd}/skein.js` },
    host: systemHost(),
    clock: systemClock,
    random: () => 0,
    log: silentLogger,
    startsAtOnce: 2,
  })
  t.after(() => fleet.close(500))
  await fleet.start()
  await fleet.settled()
  assert.equal(fleet.list()[0]!.state, 'ready')
  assert.equal(texts(fleet, 'a-1')[0], `run ${cwd}/service.js 5 0 undefined`)
})

test('a killed instance is back at once, with another process', async (t) => {
  const cwd = folder(t, { 'service.js': SERVICE })
  const exits: InstanceInfo[] = []
  const fleet = await started(t, [command('a', cwd, ['node', 'service.js'])], exits)
  const [before] = fleet.list()
  const back = change(fleet, ({ state }) => state === 'ready')
  process.kill(before!.pid!, 'SIGKILL')
  const after = await back
  assert.notEqual(after.pid, before!.pid)
  assert.equal(after.lastError, 'killed by SIGKILL')
  assert.equal(after.restarts, 1)
  assert.deepEqual(
    exits.map(({ id, pid, port }) => [id, pid, port]),
    [['a-1', before!.pid, before!.port]],
  )
})

test('what cannot start says why in one line', async (t) => {
  const cwd = folder(t, {
    'throws.js': `import './x.js'`,
    'x.js': `function load() {\n  throw new Error('no database')\n}\nload()`,
  })
  const specs = [
    command('throws', cwd, ['node', 'throws.js']),
    command('missing', cwd, ['no-such-program-here', '--flag']),
    command('nowhere', `${cwd}/none`, ['node', 'x.js']),
    command('quits', cwd, ['sh', '-c', 'echo one >&2; printf last >&2; exit 3']),
  ]
  const fleet = await started(t, specs)
  assert.deepEqual(
    fleet.list().map(({ state, lastError }) => `${state} ${lastError}`),
    [
      'backoff exit 1: Error: no database',
      'backoff exit 127: Error: cannot start "no-such-program-here": no such program on the PATH',
      `backoff cannot be started: no such folder: ${cwd}/none`,
      'backoff exit 3: last',
    ],
  )
})

test('a fixed port that is taken is named, not replaced', async (t) => {
  const cwd = folder(t, { 'plain.js': PLAIN })
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  t.after(() => holder.close())
  const { port } = holder.address() as { port: number }
  const fleet = await started(t, [command('a', cwd, ['node', 'plain.js'], { port, healthPath: '/' })])
  assert.match(fleet.list()[0]!.lastError ?? '', new RegExp(`exit 1: Error: listen EADDRINUSE.*:${port}`))
})

test('a stubborn program and everything it has started end with the grace', async (t) => {
  const stubborn = `
    import { spawn } from 'node:child_process'
    process.on('SIGTERM', () => console.log('no'))
    console.log('child ' + spawn('sleep', ['1000']).pid)
    ${PLAIN}`
  const cwd = folder(t, { 'stubborn.js': stubborn })
  const specs = [
    command('node', cwd, ['node', 'stubborn.js']),
    command('shell', cwd, ['sh', '-c', `"${NODE}" stubborn.js; true`]),
  ]
  const fleet = await started(t, specs)
  const children = fleet.logs().map(({ text }) => Number(text.replace('child ', '')))
  assert.equal(children.length, 2)
  const running = [...pids(fleet), ...children]
  await fleet.close(300)
  await gone(running, t.signal)
})

test('a frozen instance is replaced', async (t) => {
  // All times of the fleet five times shorter: five missed answers take a second.
  const hasty: Clock = {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * 5,
    after: (ms, run, keepAlive) => systemClock.after(ms / 5, run, keepAlive),
  }
  const cwd = folder(t, { 'service.js': SERVICE })
  const spec = command('a', cwd, ['node', 'service.js'], { healthPath: '/' })
  const fleet = await startFleet({ specs: [spec], clock: hasty })
  t.after(() => fleet.close(500))
  await fleet.settled()
  const frozen = fleet.list()[0]!.pid!
  process.kill(frozen, 'SIGSTOP')
  const back = await change(fleet, ({ state, pid }) => state === 'ready' && pid !== frozen)
  assert.equal(back.lastError, 'did not answer for 5 s')
  assert.equal(isAlive(frozen), false)
})

test('no orphan: when the fleet is killed with -9, everything that it runs ends', async (t) => {
  const grandchild = `
    import { spawn } from 'node:child_process'
    console.log('child ' + spawn('sleep', ['1000']).pid)
    ${PLAIN}`
  const main = `
    import { startFleet } from '${new URL('./index.ts', import.meta.url).href}'
    const fleet = await startFleet({ specs: JSON.parse(process.argv[2]) })
    await fleet.settled()
    const children = fleet.logs().filter(({ text }) => text.startsWith('child ')).map(({ text }) => Number(text.slice(6)))
    console.log(JSON.stringify({ states: fleet.list().map(({ state }) => state), pids: [...fleet.list().map(({ pid }) => pid), ...children] }))`
  const cwd = folder(t, { 'service.js': SERVICE, 'plain.js': PLAIN, 'grandchild.js': grandchild, 'main.js': main })
  const specs = [
    command('service', cwd, ['node', 'service.js'], { instances: 2 }),
    command('plain', cwd, ['node', 'plain.js']),
    command('family', cwd, ['node', 'grandchild.js']),
    command('other', cwd, [NODE, 'plain.js']),
    command('shell', cwd, ['sh', '-c', `"${NODE}" grandchild.js; true`]),
  ]
  const runner = spawn(NODE, ['main.js', JSON.stringify(specs)], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => runner.kill('SIGKILL'))
  const [line] = await once(createInterface(runner.stdout), 'line')
  const { states, pids } = JSON.parse(line) as { states: string[]; pids: number[] }
  assert.deepEqual(new Set(states), new Set(['ready']))
  assert.equal(pids.length, 8)
  assert.ok(pids.every(isAlive))
  runner.kill('SIGKILL')
  await gone(pids, t.signal)
})

test('a program that says nonsense about its port harms nobody, and is believed once it says the right one', async (t) => {
  const lies = `
    for (const port of [70000, -1, 0, 1.5, '80']) process.send({ type: 'skein:ready', port })
    const { createServer } = await import('node:http')
    const server = createServer((request, response) => response.end('ok'))
    server.listen(0, '127.0.0.1', () => process.send({ type: 'skein:ready', port: server.address().port }))`
  const cwd = folder(t, { 'lies.mjs': lies })
  const spec: ServiceSpec = { name: 'lies', entry: `${cwd}/lies.mjs`, cwd, env: {}, instances: 1, weights: [] }
  const skein = folder(t, { 'skein.js': 'await import(process.argv[3])' })
  const fleet = new ProcessFleet({
    ...{ specs: [spec], environment: process.env, host: systemHost(), clock: systemClock, startsAtOnce: 1 },
    ...{ tools: { ...findTools(), skein: `${skein}/skein.js` }, random: () => 0, log: silentLogger },
  })
  t.after(() => fleet.close(500))
  await fleet.start()
  await fleet.settled()
  assert.equal(fleet.list()[0]?.state, 'ready')
})

test('a program that writes nonsense to its channel is told of once, and still believed about its port', async (t) => {
  const scribbler = `
    const { writeSync } = require('node:fs')
    for (const line of ['no JSON', '{"half":', '', 'null', '\\u0000'.repeat(70_000)]) writeSync(3, line + '\\n')
    process.on('disconnect', () => console.log('the fleet has gone?'))
    require('node:http').createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1', function () {
      process.send({ type: 'skein:ready', port: this.address().port })
    })`
  const cwd = folder(t, { 'scribbler.cjs': scribbler })
  const fleet = await started(t, [command('a', cwd, ['node', 'scribbler.cjs'], { healthPath: '/' })])
  const [info] = fleet.list()
  assert.equal(info?.state, 'ready')
  assert.equal(await (await fetch(`http://127.0.0.1:${info?.port}/`)).text(), 'ok')
  assert.deepEqual(texts(fleet, 'a-1'), ['skein: this program wrote to its IPC channel what is no message: "no JSON"'])
})

test('whatever is asked, the answer is none at worst', async () => {
  const host = systemHost()
  for (const [port, path] of [
    [70_000, '/'],
    [-1, '/'],
    [1, '/a b'],
  ] as const) {
    const address = { host: '127.0.0.1', port }
    assert.deepEqual([await host.askHttp(address, path, 500), await host.askTcp(address, 500)], [undefined, false])
  }
})

test('out of file descriptors, a start fails like any other', async () => {
  const script = `
    import { openSync } from 'node:fs'
    import { launch } from ${JSON.stringify(import.meta.resolve('./host/launch.ts'))}
    import { systemClock } from ${JSON.stringify(import.meta.resolve('../core/clock.ts'))}
    try { for (;;) openSync('/dev/null', 'r') } catch {}
    const plan = { file: process.execPath, args: [], cwd: '/', env: {} }
    const end = (end) => console.log(JSON.stringify(end))
    launch(plan, { message() {}, output() {}, end }, systemClock)`
  const args = ['-c', 'ulimit -n 64 && exec "$0" "$@"', process.execPath, '--input-type=module', '-e', script]
  const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [end] = await Array.fromAsync(createInterface(child.stdout))
  assert.match(end ?? '', /^\{"code":null,"signal":null,"error":"spawn .* EMFILE"\}$/)
})

test('what a program leaves behind under another name than ours is left where it is', async (t) => {
  t.mock.method(process, 'kill', () => {
    throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' })
  })
  const plan = { file: process.execPath, args: ['-e', ''], cwd: '/', env: process.env }
  const end = await new Promise((resolve) => systemHost().launch(plan, { message() {}, output() {}, end: resolve }))
  assert.deepEqual(end, { code: 0, signal: null })
})
