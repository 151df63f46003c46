import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bench, GOOD, type Script, spec } from './fake-host.suite.ts'
import type { MetricsSink } from './metrics.ts'

const CRASHING: Script = { exitMs: 50, stderr: 'file:///app/orders.ts:3\n    at x\n\nError: boom 17\n    at y\n' }

describe('start', () => {
  test("Skein's own parts come first, one after the other, then the rest at once", async () => {
    const bench = new Bench([
      spec('users', { instances: 2 }),
      spec('registry', { system: true }),
      spec('gateway', { system: true }),
    ])
    void bench.fleet.start()
    await bench.pass(100)
    assert.deepEqual(bench.living(), ['registry-1'])
    await bench.pass(200)
    assert.deepEqual(bench.living(), ['gateway-1', 'registry-1'])
    await bench.pass(200)
    assert.deepEqual(bench.living(), ['gateway-1', 'registry-1', 'users-1', 'users-2'])
    await bench.pass(200)
    assert.deepEqual(bench.states(), ['users-1 ready', 'users-2 ready', 'registry-1 ready', 'gateway-1 ready'])
  })

  test("fails loudly when one of Skein's own parts does not start, and leaves nothing running", async () => {
    const scripts: Record<string, Script> = { 'gateway-1': CRASHING }
    const bench = new Bench(
      [spec('registry', { system: true }), spec('gateway', { system: true })],
      (id) => scripts[id] ?? GOOD,
    )
    const failed = assert.rejects(bench.fleet.start(), {
      code: 'START_FAILED',
      message: /gateway-1.*exit 1: Error: boom/,
    })
    await bench.pass(2000)
    await failed
    assert.deepEqual(bench.living(), [])
  })

  test('only a few start at a time, in order; a permit is not kept by a start that waits', async () => {
    const scripts: Record<string, Script> = { 'a-1': { drainMs: 1 }, 'a-2': { drainMs: 1 } }
    const bench = new Bench([spec('a', { instances: 4 })], (id) => scripts[id] ?? GOOD, { startsAtOnce: 2 })
    await bench.fleet.start()
    await bench.pass(1900)
    assert.deepEqual(bench.living(), ['a-1', 'a-2'])
    await bench.pass(400)
    assert.deepEqual(bench.living(), ['a-1', 'a-2', 'a-3', 'a-4'])
  })

  test('a start that hangs counts as failed after 30 s', async () => {
    const bench = new Bench([spec('a')], () => ({ drainMs: 1 }))
    await bench.fleet.start()
    await bench.pass(30_100)
    const [info] = bench.fleet.list()
    assert.equal(info!.state, 'backoff')
    assert.match(info!.lastError ?? '', /not ready within 30 s/)
  })

  test('an entry is asked where the environment has it listen; what the service says stands above that', async () => {
    const environment = { SKEIN_HOST: '127.0.0.2' }
    for (const [env, host] of [
      [{}, '127.0.0.2'],
      [{ SKEIN_HOST: '127.0.0.3' }, '127.0.0.3'],
      [{ SKEIN_HOST: '' }, '127.0.0.1'],
    ] as const) {
      const bench = new Bench([spec('a', { env })], undefined, { environment })
      await bench.fleet.start()
      await bench.pass(500)
      assert.deepEqual([bench.states(), [...bench.host.asked]], [['a-1 ready'], [host]])
    }
  })

  test('settled resolves when all are ready or have failed', async () => {
    const scripts: Record<string, Script> = { 'a-1': CRASHING }
    const bench = new Bench([spec('a'), spec('b')], (id) => scripts[id] ?? GOOD)
    await bench.fleet.start()
    let settled = false
    const done = bench.fleet.settled().then(() => {
      settled = true
    })
    await bench.pass(100)
    assert.equal(settled, false)
    await bench.pass(200)
    await done
    assert.deepEqual(bench.states(), ['a-1 backoff', 'b-1 ready'])
  })
})

describe('restart after a failure', () => {
  const launches = (bench: Bench) => bench.host.processes.map(({ launchedAt }) => Math.round(launchedAt / 100) / 10)

  test('one that never starts: 1, 2, 4 … 60 s; its error is kept and shown once', async () => {
    const bench = new Bench([spec('orders')], () => CRASHING)
    await bench.fleet.start()
    await bench.pass(255_000)
    const gaps = launches(bench).map((at, i, all) => Math.round(at - (all[i - 1] ?? 0)))
    assert.deepEqual(gaps, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60])
    assert.equal(bench.lines.filter((line) => line.includes('boom')).length, 1)
    assert.equal(bench.fleet.list()[0]!.lastError, 'exit 1: Error: boom 17')
    assert.equal(bench.fleet.list()[0]!.restarts, 9)
  })

  test('another error of a new try is shown', async () => {
    const bench = new Bench([spec('orders')], () => CRASHING)
    await bench.fleet.start()
    await bench.pass(500)
    bench.host.script = () => ({ exitMs: 50, stderr: 'TypeError: no' })
    await bench.pass(1000)
    assert.equal(bench.fleet.list()[0]!.lastError, 'exit 1: TypeError: no')
    assert.equal(bench.lines.at(-1), 'orders-1 TypeError: no')
  })

  test('one that had served comes back at once, then backs off; 60 s of health are a clean slate', async () => {
    const bench = new Bench([spec('a')])
    await bench.fleet.start()
    const waits: number[] = []
    for (const healthySeconds of [1, 1, 1, 61]) {
      await bench.pass(300 + healthySeconds * 1000)
      const endedAt = bench.host.clock.monotonic()
      bench.host.of('a-1').exit(1)
      await bench.pass(2100)
      waits.push(Math.round((bench.host.of('a-1').launchedAt - endedAt) / 100) / 10)
    }
    assert.deepEqual(waits, [0, 1, 2, 0])
  })

  test('output of a try that succeeds is shown, in order', async () => {
    const bench = new Bench([spec('a')], () => CRASHING)
    await bench.fleet.start()
    await bench.pass(500)
    bench.host.script = () => GOOD
    await bench.pass(700)
    bench.host.of('a-1').write('starting\n')
    await bench.pass(10)
    assert.equal(bench.lines.includes('a-1 starting'), false)
    await bench.pass(400)
    assert.equal(bench.lines.at(-1), 'a-1 starting')
  })

  test('a command that lost its port to someone else tries another at once', async () => {
    const taken: Script = { exitMs: 50, stderr: 'OSError: [Errno 98] Address already in use' }
    const scripts = [taken, taken]
    const command = ['python', 'app.py']
    const bench = new Bench([spec('a', { entry: undefined, command })], () => scripts.shift() ?? GOOD)
    await bench.fleet.start()
    await bench.pass(600)
    const ports = bench.host.processes.map((process) => process.plan.env['PORT'])
    assert.deepEqual(ports, ['20000', '20001', '20002'])
    assert.deepEqual(bench.states(), ['a-1 ready'])
  })

  test('one that is frozen is killed after five missed answers and comes back', async () => {
    const bench = new Bench([spec('a')])
    await bench.fleet.start()
    await bench.pass(2000)
    bench.host.of('a-1').frozen = true
    await bench.pass(4000)
    assert.equal(bench.host.processes.length, 1)
    await bench.pass(3000)
    assert.equal(bench.host.processes.length, 2)
    assert.deepEqual(bench.states(), ['a-1 ready'])
    assert.equal(bench.fleet.list()[0]!.lastError, 'did not answer for 5 s')
  })
})

describe('scale, restart, stop', () => {
  async function ready(instances: number, script?: (id: string) => Script): Promise<Bench> {
    const bench = new Bench([spec('a', { instances })], script)
    await bench.fleet.start()
    await bench.pass(500)
    return bench
  }

  test('scales up and down, the highest ordinals first', async () => {
    const bench = await ready(2)
    const up = bench.fleet.scale('a', 4)
    await bench.pass(400)
    await up
    assert.deepEqual(bench.living(), ['a-1', 'a-2', 'a-3', 'a-4'])
    const down = bench.fleet.scale('a', 1)
    await bench.pass(200)
    await down
    assert.deepEqual(bench.living(), ['a-1'])
    assert.deepEqual(bench.states(), ['a-1 ready'])
    assert.deepEqual(
      bench.exits.map(({ id }) => id),
      ['a-4', 'a-3', 'a-2'],
    )
  })

  test('what ignores SIGTERM is killed after the grace', async () => {
    const bench = await ready(2, () => ({ readyMs: 100 }))
    const down = bench.fleet.scale('a', 1)
    await bench.pass(9900)
    assert.deepEqual(bench.states(), ['a-1 ready', 'a-2 stopping'])
    await bench.pass(200)
    await down
    assert.deepEqual(bench.living(), ['a-1'])
  })

  test('a rolling restart takes one at a time and waits for the new one', async () => {
    const bench = await ready(3)
    const first = bench.host.processes.slice()
    let least = 3
    bench.fleet.onChange(() => {
      least = Math.min(least, bench.fleet.list().filter(({ state }) => state === 'ready').length)
    })
    const done = bench.fleet.restart('a')
    await bench.pass(2000)
    await done
    assert.equal(least, 2)
    assert.ok(first.every((process) => !process.alive))
    assert.deepEqual(bench.states(), ['a-1 ready', 'a-2 ready', 'a-3 ready'])
  })

  test('a rolling restart ends with the first that does not come back; the others are left alone', async () => {
    const bench = await ready(3)
    bench.host.script = () => CRASHING
    const failed = assert.rejects(bench.fleet.restart('a'), { code: 'START_FAILED', message: /a-1/ })
    await bench.pass(1000)
    await failed
    assert.deepEqual(bench.states(), ['a-1 backoff', 'a-2 ready', 'a-3 ready'])
  })

  test('an instance stopped by its id stays stopped until restarted; a service comes back as it was', async () => {
    const bench = await ready(2)
    await Promise.all([bench.fleet.stop('a-2'), bench.pass(300)])
    assert.deepEqual(bench.states(), ['a-1 ready', 'a-2 stopped'])
    await bench.pass(5000)
    await Promise.all([bench.fleet.restart('a-2'), bench.pass(500)])
    assert.deepEqual(bench.states(), ['a-1 ready', 'a-2 ready'])
    await Promise.all([bench.fleet.stop('a'), bench.pass(300)])
    assert.deepEqual(bench.states(), [])
    await Promise.all([bench.fleet.restart('a'), bench.pass(500)])
    assert.deepEqual(bench.states(), ['a-1 ready', 'a-2 ready'])
  })

  test('a stop that comes after a restart wins over what is still to be restarted', async () => {
    const bench = await ready(2)
    const asked = [bench.fleet.restart('a'), bench.fleet.restart('a'), bench.fleet.stop('a')]
    await bench.pass(3000)
    await Promise.all(asked)
    assert.deepEqual(bench.living(), [])
  })

  test('so does one that comes after a restart of what was stopped already, while an earlier restart still runs', async () => {
    const bench = await ready(2)
    const { fleet } = bench
    const asked = [fleet.restart('a'), fleet.stop('a'), fleet.restart('a'), fleet.stop('a')]
    await bench.pass(3000)
    await Promise.all(asked)
    assert.deepEqual(bench.living(), [])
    const again = fleet.restart('a')
    await bench.pass(3000)
    await again
    assert.deepEqual(bench.living(), ['a-1', 'a-2'])
    const one = [fleet.restart('a'), fleet.stop('a-1'), fleet.restart('a'), fleet.stop('a-1')]
    await bench.pass(3000)
    await Promise.all(one)
    assert.deepEqual(bench.living(), ['a-2'])
  })

  test('an instance stopped during a rolling restart stays stopped', async () => {
    const bench = await ready(3)
    const rolling = bench.fleet.restart('a')
    await bench.pass(50)
    const stopped = bench.fleet.stop('a-2')
    await bench.pass(3000)
    await Promise.all([rolling, stopped])
    assert.deepEqual(bench.states(), ['a-1 ready', 'a-2 stopped', 'a-3 ready'])
  })

  test('one that is asked to leave while it starts does not get ready any more', async () => {
    const bench = await ready(1, () => ({ readyMs: 600, drainMs: 500 }))
    const stopped = bench.fleet.stop('a-1')
    await bench.pass(300)
    assert.equal(bench.host.of('a-1').ready, true)
    assert.deepEqual(bench.states(), ['a-1 stopping'])
    await bench.pass(300)
    await stopped
  })

  test('a listener that answers a change with a command does not leave two processes', async () => {
    const bench = await ready(1)
    const commands: Promise<unknown>[] = []
    let left = 5
    const off = bench.fleet.onChange(({ state }) => {
      if ((state !== 'starting' && state !== 'stopped') || left-- <= 0) return
      commands.push(state === 'starting' ? bench.fleet.stop('a-1') : bench.fleet.restart('a-1'))
    })
    commands.push(bench.fleet.restart('a-1'))
    await bench.pass(3000)
    off()
    await Promise.all(commands)
    assert.deepEqual(bench.states(), ['a-1 stopped'])
    assert.deepEqual(bench.living(), [])
  })

  test('stop during a back-off and restart during a stop', async () => {
    const bench = await ready(1, () => CRASHING)
    await bench.fleet.stop('a-1')
    await bench.pass(5000)
    assert.equal(bench.host.processes.length, 1)
    bench.host.script = () => GOOD
    await Promise.all([bench.fleet.restart('a-1'), bench.pass(500)])
    const both = [bench.fleet.stop('a-1'), bench.fleet.restart('a-1')]
    await bench.pass(1000)
    await Promise.all(both)
    assert.deepEqual(bench.states(), ['a-1 ready'])
    assert.equal(bench.host.processes.length, 3)
  })

  test('a count that cannot be and a name that is not known are refused with the way out', async () => {
    const bench = new Bench([spec('orders'), spec('fixed', { port: 3000 })])
    await bench.fleet.start()
    await assert.rejects(bench.fleet.scale('oders', 2), { code: 'UNKNOWN_TARGET', message: /did you mean "orders"/ })
    await assert.rejects(bench.fleet.restart('x-9'), { code: 'UNKNOWN_TARGET', message: /known are: orders, fixed/ })
    await assert.rejects(bench.fleet.scale('fixed', 2), { code: 'INVALID_INPUT', message: /fixed port 3000/ })
    for (const count of [-1, 1.5, Number.NaN, 257]) {
      await assert.rejects(bench.fleet.scale('orders', count), { code: 'INVALID_INPUT' })
    }
  })

  test('a service is taken in while others run, and let go of: its name is free then', async () => {
    const bench = new Bench([spec('a')])
    await bench.fleet.start()
    await bench.pass(500)
    const added = bench.fleet.add(spec('b', { instances: 2 }))
    await bench.pass(500)
    await added
    assert.deepEqual(bench.states(), ['a-1 ready', 'b-1 ready', 'b-2 ready'])
    await assert.rejects(bench.fleet.add(spec('b')), { code: 'INVALID_INPUT', message: /"b" runs here already/ })
    const removed = bench.fleet.remove('b')
    await assert.rejects(bench.fleet.scale('b', 3), { code: 'SHUTTING_DOWN' })
    await bench.pass(500)
    await removed
    assert.deepEqual(bench.states(), ['a-1 ready'])
    await assert.rejects(bench.fleet.remove('b'), { code: 'UNKNOWN_TARGET' })
    const again = bench.fleet.add(spec('b'))
    await bench.pass(500)
    await again
    assert.deepEqual(bench.living(), ['a-1', 'b-1'])
  })
})

describe('close', () => {
  test("the users' services drain at once, Skein's own parts follow in reverse order, all within the grace", async () => {
    const bench = new Bench([
      spec('registry', { system: true }),
      spec('gateway', { system: true }),
      spec('a', { instances: 2 }),
    ])
    void bench.fleet.start()
    await bench.pass(1000)
    const closing = bench.fleet.close()
    await bench.pass(1000)
    await closing
    assert.deepEqual(
      bench.exits.map(({ id }) => id),
      ['a-2', 'a-1', 'gateway-1', 'registry-1'],
    )
    await assert.rejects(bench.fleet.scale('a', 1), { code: 'SHUTTING_DOWN' })
  })

  test('what does not drain is killed within the grace, and a second close shortens it', async () => {
    const stubborn = () => ({ readyMs: 100 })
    const bench = new Bench([spec('registry', { system: true }), spec('a')], stubborn)
    void bench.fleet.start()
    await bench.pass(500)
    const closing = bench.fleet.close(4000)
    await bench.pass(1000)
    assert.deepEqual(bench.living(), ['a-1', 'registry-1'])
    void bench.fleet.close(0)
    await bench.pass(100)
    await closing
    assert.deepEqual(bench.living(), [])
  })

  test("what follows the end of the users' services is waited for, but not for long", async () => {
    const told = Promise.withResolvers<void>()
    const usersGone = () => {
      assert.deepEqual(
        bench.exits.map(({ id }) => id),
        ['a-1'],
      )
      return told.promise
    }
    const specs = [spec('registry', { system: true }), spec('a')]
    const bench = new Bench(specs, undefined, { usersGone })
    void bench.fleet.start()
    await bench.pass(500)
    const closing = bench.fleet.close(4000)
    await bench.pass(1500)
    assert.deepEqual(bench.living(), ['registry-1'])
    told.resolve()
    await bench.pass(200)
    assert.deepEqual(bench.living(), [])
    await closing

    const hanging = new Bench(specs, undefined, { usersGone: () => new Promise(() => {}) })
    void hanging.fleet.start()
    await hanging.pass(500)
    const closed = hanging.fleet.close(4000)
    await hanging.pass(1500)
    void hanging.fleet.close(0)
    await hanging.pass(50)
    assert.deepEqual(hanging.living(), [])
    await closed
  })

  test('during starts, back-offs and a rolling restart', async () => {
    const scripts: Record<string, Script> = { 'b-1': CRASHING }
    const bench = new Bench([spec('a', { instances: 3 }), spec('b'), spec('c')], (id) => scripts[id] ?? GOOD, {
      startsAtOnce: 1,
    })
    await bench.fleet.start()
    await bench.pass(700)
    const rolling = bench.fleet.restart('a')
    await bench.pass(50)
    const closing = bench.fleet.close()
    await bench.pass(4000)
    await Promise.all([rolling, closing])
    const launched = bench.host.processes.length
    await bench.pass(5000)
    assert.equal(bench.host.processes.length, launched)
    assert.deepEqual(bench.living(), [])
    assert.deepEqual(bench.states(), [])
  })
})

test('metrics: instances by state, restarts by service', async () => {
  const { sink, read } = memorySink()
  const bench = new Bench([spec('a', { instances: 2 }), spec('b')], undefined, { metrics: sink })
  await bench.fleet.start()
  await bench.pass(500)
  bench.host.of('b-1').exit(1)
  await bench.pass(100)
  assert.deepEqual(read(), {
    'skein_fleet_instances a ready': 2,
    'skein_fleet_instances b starting': 1,
    'skein_fleet_restarts_total b': 1,
  })
})

/** Stands in for telemetry/metrics.ts, which this folder does not import. */
function memorySink(): { sink: MetricsSink; read(): Record<string, number> } {
  const series = new Map<string, { value: number }>()
  let collect = () => {}
  const metric = (name: string) => ({
    with(...values: string[]) {
      const key = [name, ...values].join(' ')
      if (!series.has(key)) series.set(key, { value: 0 })
      return series.get(key)!
    },
    removeWhere(_test: () => boolean) {
      for (const key of series.keys()) if (key.startsWith(name)) series.delete(key)
    },
  })
  const onCollect = (run: () => void) => {
    collect = run
  }
  const read = () => {
    collect()
    return Object.fromEntries([...series].map(([key, { value }]) => [key, value]).sort())
  }
  return { sink: { counter: metric, gauge: metric, onCollect }, read }
}
