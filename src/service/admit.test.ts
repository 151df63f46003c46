/** An instance that has more to do than it can, from outside. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { request as send } from 'node:http'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createCaller } from '../client/caller.ts'
import { SkeinError } from '../core/errors.ts'
import { staticSource } from '../discovery/source/static.ts'
import { adaptHandler } from './adapt/index.ts'
import { op, service } from './define.ts'
import { type Line, logged, type Started, start } from './harness.suite.ts'

/** Handlers that end when they are told to. */
function gate() {
  const inside: (() => void)[] = []
  let arrived = () => {}
  return {
    get count() {
      return inside.length
    },
    enter: () =>
      new Promise<void>((leave) => {
        inside.push(leave)
        arrived()
      }),
    async waitFor(count: number) {
      while (inside.length < count) await new Promise<void>((resolve) => (arrived = resolve))
    },
    open() {
      for (const leave of inside) leave()
    },
  }
}

async function held(limit: number | false) {
  const door = gate()
  const run = await start(
    service(
      'users',
      {
        get: op({ route: 'GET /user' }, async () => door.enter()),
        report: op({ route: 'GET /report', priority: 'batch' }, async () => door.enter()),
        alive: op({ route: 'GET /alive', priority: 'health' }, () => 'yes'),
      },
      { limit },
    ),
  )
  return { door, run }
}

const shed = (run: Started) => run.metrics.toText().match(/^skein_server_shed_total\{.*\} \d+$/gm) ?? []
const isWarning = ({ msg }: Line) => msg === 'overloaded: refusing requests'

describe('an instance at its limit', () => {
  test('refuses with 503, code and Retry-After, counts it, and logs it once', async () => {
    const { door, run } = await held(1)
    await using _ = run
    const first = run.ask('GET /user')
    await door.waitFor(1)
    const refused = await Promise.all([run.ask('GET /user'), run.ask('GET /user'), run.ask('GET /user')])
    for (const { status, code, headers } of refused) {
      assert.deepEqual([status, code, headers.get('retry-after')], [503, 'OVERLOADED', '1'])
      assert.equal(headers.get('x-skein-error'), 'OVERLOADED')
    }
    assert.equal(door.count, 1)
    assert.match(shed(run).join(), /priority="interactive",reason="wait"\} 3/)
    assert.equal(run.lines.filter(isWarning).length, 1)
    door.open()
    assert.equal((await first).status, 204)
    assert.equal((await Promise.all([run.ask('GET /user'), door.waitFor(2).then(door.open)]))[0].status, 204)
  })

  test('answers its probes, and what is declared as health', async () => {
    const { door, run } = await held(1)
    await using _ = run
    const first = run.ask('GET /user')
    await door.waitFor(1)
    for (const path of ['/health/live', '/health/ready', '/metrics', '/alive']) {
      assert.equal((await run.ask(`GET ${path}`)).status, 200, path)
    }
    assert.match(run.metrics.toText(), /skein_server_concurrency_limit\{.*\} 1/)
    door.open()
    await first
  })

  test('leaves room for those who wait: a quarter is closed to batch work', async () => {
    const { door, run } = await held(4)
    await using _ = run
    const batch = { headers: { 'x-skein-priority': 'batch' } }
    const begun = [run.ask('GET /report'), run.ask('GET /user', batch), run.ask('GET /report')]
    await door.waitFor(3)
    assert.equal((await run.ask('GET /report')).code, 'OVERLOADED')
    begun.push(run.ask('GET /user'))
    await door.waitFor(4)
    door.open()
    for (const { status } of await Promise.all(begun)) assert.equal(status, 204)
    assert.match(shed(run).join(), /priority="batch",reason="wait"\} 1/)
  })

  test('a caller can make its request less important, not more', async () => {
    const { door, run } = await held(1)
    await using _ = run
    const first = run.ask('GET /report', { headers: { 'x-skein-priority': 'health' } })
    await door.waitFor(1)
    for (const path of ['/report', '/user']) {
      const { code } = await run.ask(`GET ${path}`, { headers: { 'x-skein-priority': 'health' } })
      assert.equal(code, 'OVERLOADED', path)
    }
    assert.equal((await run.ask('GET /alive', { headers: { 'x-skein-priority': 'batch' } })).code, 'OVERLOADED')
    door.open()
    await first
  })

  test('begins nothing for a caller that has gone, or whose deadline has passed', async () => {
    const { door, run } = await held(1)
    await using _ = run
    const first = run.ask('GET /user')
    await door.waitFor(1)
    const late = await run.ask('GET /user', { headers: { 'x-skein-deadline-ms': '20' } })
    assert.deepEqual([late.status, late.code], [504, 'DEADLINE_EXCEEDED'])
    const gone = send(`${run.url}/user`)
    gone.on('error', () => {})
    gone.end()
    gone.on('socket', (socket) => socket.on('connect', () => setImmediate(() => gone.destroy())))
    await logged(run.lines, ({ status }) => status === 499)
    door.open()
    await first
    assert.equal(door.count, 1)
    assert.match(shed(run).join(), /reason="deadline"\} 1/)
  })

  test('counts a handler that goes on after its answer was given up', async () => {
    const { door, run } = await held(1)
    await using _ = run
    assert.equal((await run.ask('GET /user', { headers: { 'x-skein-deadline-ms': '20' } })).status, 504)
    assert.equal((await run.ask('GET /user')).code, 'OVERLOADED')
    door.open()
    const next = run.ask('GET /user')
    await door.waitFor(2)
    door.open()
    assert.equal((await next).status, 204)
  })

  test('an answer that streams is no longer work', async () => {
    const app = adaptHandler(
      'feed',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: 1\n\n')
      },
      { limit: 1 },
    )
    await using run = await start(app, { drainTimeoutMs: 0 })
    const streams = await Promise.all([fetch(run.url), fetch(run.url), fetch(run.url)])
    assert.deepEqual(
      streams.map(({ status }) => status),
      [200, 200, 200],
    )
    await Promise.all(streams.map(({ body }) => body!.cancel()))
  })

  test('a request that waited begins in its own context, and not in that of the one which ended', async () => {
    const user = new AsyncLocalStorage<string>()
    const { enter, waitFor, open } = gate()
    const seen: (string | undefined)[] = []
    const app = adaptHandler(
      'shop',
      (_request, response) => {
        seen.push(user.getStore())
        // As an app does that knows who asks: here Ada, whose request ends while the next one waits.
        user.run('Ada', () => void enter().then(() => response.end()))
      },
      { limit: 1 },
    )
    await using run = await start(app)
    const first = fetch(run.url)
    await waitFor(1)
    const second = fetch(run.url)
    while (!/^skein_server_in_flight_requests\{.*\} 2$/m.test(run.metrics.toText())) await nextTurn()
    open()
    await first
    await waitFor(2)
    open()
    await second
    assert.deepEqual(seen, [undefined, undefined])
  })

  test('without a limit nobody is refused', async () => {
    const { door, run } = await held(false)
    await using _ = run
    const all = Array.from({ length: 60 }, () => run.ask('GET /user'))
    await door.waitFor(60)
    door.open()
    for (const { status } of await Promise.all(all)) assert.equal(status, 204)
    assert.doesNotMatch(run.metrics.toText(), /concurrency_limit/)
  })

  test('who starts the service has the last word on its limit', async () => {
    const door = gate()
    const users = service('users', { get: op({ route: 'GET /user' }, async () => door.enter()) }, { limit: 1 })
    await using run = await start(users, { limit: 2 })
    const all = [run.ask('GET /user'), run.ask('GET /user')]
    await door.waitFor(2)
    assert.equal((await run.ask('GET /user')).code, 'OVERLOADED')
    door.open()
    await Promise.all(all)
  })

  test('fifty at once that wait for something are no overload', async () => {
    const door = gate()
    await using run = await start(service('users', { get: op({ route: 'GET /user' }, async () => door.enter()) }))
    const all = Array.from({ length: 50 }, () => run.ask('GET /user'))
    await door.waitFor(50)
    door.open()
    for (const { status } of await Promise.all(all)) assert.equal(status, 204)
  })
})

test('batch work asks for batch work; what another service refused is not said of this one', async (t) => {
  const priorities: (string | undefined)[] = []
  await using users = await start(
    service('users', {
      get: op({ route: 'GET /user' }, (_, ctx) => void priorities.push(ctx.headers.get('x-skein-priority'))),
    }),
  )
  const instance = { id: 'u1', service: 'users', address: '127.0.0.1', port: users.port, node: 'n', weight: 1 }
  const source = staticSource([{ ...instance, tags: [], meta: {}, status: 'passing' }])
  const caller = createCaller({ source })
  t.after(() => caller.close())
  const ask = async () => {
    const answer = await caller.request({ service: 'users', method: 'GET', path: '/user', headers: [] })
    answer.source.drop(new Error('not needed'))
  }
  await using orders = await start(
    service('orders', {
      get: op({ route: 'GET /order' }, ask),
      report: op({ route: 'GET /report', priority: 'batch' }, ask),
      busy: op({ route: 'GET /busy' }, () => {
        throw new SkeinError('OVERLOADED', 'users-1 has more to do than it can', { service: 'users' })
      }),
    }),
  )
  for (const path of ['/order', '/report']) assert.equal((await orders.ask(`GET ${path}`)).status, 204)
  assert.deepEqual(priorities, [undefined, 'batch'])
  const { status, code } = await orders.ask('GET /busy')
  assert.deepEqual([status, code], [503, 'UPSTREAM_OVERLOADED'])
})

test('a limit or priority that is none is told at once', async () => {
  const odd = () => service('users', { get: op({ priority: 'urgent' as 'batch' }, () => 1) }, { limit: 0 })
  assert.throws(odd, /0 is no limit[\s\S]*"urgent" is no priority/)
  assert.throws(() => adaptHandler('users', () => {}, { limit: -1 }), /-1 is no limit/)
  await assert.rejects(start(service('users', {}), { limit: 1.5 }), /1.5 is no limit/)
  for (const text of ['0', '1.5', 'none', '-1']) {
    const wrong = new RegExp(`SKEIN_LIMIT: ${text} is no limit.*or off for none`)
    await assert.rejects(start(service('users', {}), { env: { SKEIN_LIMIT: text } }), wrong)
  }
  for (const text of ['', 'off', '8', 'adaptive']) {
    await using run = await start(service('users', {}, { limit: 3 }), { env: { SKEIN_LIMIT: text } })
    await run.ask('GET /')
    const limit = /^skein_server_concurrency_limit\{.*\} (\d+)$/m.exec(run.metrics.toText())?.[1]
    assert.equal(limit, { '': '3', off: undefined, 8: '8', adaptive: '20' }[text])
  }
})
