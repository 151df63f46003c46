/** The supervisor with workers that are no processes, on a clock of its own. Real ones: src/cli/gateway/workers.test.ts. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import type { FromWorker, ToWorker } from './contract.ts'
import { workersPages } from './pages.ts'
import { Supervisor, WorkerFailed } from './supervisor.ts'

class FakeWorker extends EventEmitter {
  readonly pid: number
  readonly got: ToWorker[] = []
  connected = true
  answersPings = true
  begins: 'well' | 'badly' | 'never' = 'well'

  constructor(pid: number) {
    super()
    this.pid = pid
  }

  send(message: ToWorker): void {
    this.got.push(message)
    if (message.type === 'ping' && this.answersPings) this.say({ type: 'pong' })
    if (message.type === 'drain') this.die()
    if (message.type !== 'config') return
    const isFirst = this.got.filter(({ type }) => type === 'config').length === 1
    if (isFirst && this.begins === 'well') this.say({ type: 'ready', port: 4711 })
    if (isFirst && this.begins === 'badly') this.say({ type: 'failed', failure: { message: 'no', code: 'EADDRINUSE' } })
    if (message.value === 'bad') this.say({ type: 'taken', config: message.config, problem: 'refused' })
    else this.say({ type: 'taken', config: message.config })
  }

  say(message: FromWorker): void {
    this.emit('message', message)
  }

  die(): void {
    if (!this.connected) return
    this.connected = false
    this.emit('exit', 0, null)
  }

  kill(): void {
    this.die()
  }

  /** As they were told one after the other. */
  ticketKeys() {
    return this.got.flatMap((message) => ('ticketKeys' in message ? [message.ticketKeys] : []))
  }

  configs() {
    return this.got.flatMap((message) => (message.type === 'config' ? [message.value] : []))
  }
}

function setUp(count = 2) {
  const clock = new VirtualClock()
  const forked: FakeWorker[] = []
  let begins: FakeWorker['begins'] = 'well'
  const supervisor = new Supervisor({
    ...{ count, settings: { a: 1 }, port: 0, log: silentLogger, clock, random: () => 0.5 },
    fork: () => {
      const worker = new FakeWorker(forked.length + 1)
      worker.begins = begins
      forked.push(worker)
      return worker as unknown as ChildProcess
    },
  })
  return { clock, forked, supervisor, beginning: (how: FakeWorker['begins']) => (begins = how) }
}

const turn = () => new Promise(setImmediate)

test('the first worker chooses the port, the others take it', async () => {
  const { supervisor, forked } = setUp(3)
  assert.equal(await supervisor.start('one'), 4711)
  assert.deepEqual(forked[0]!.got.slice(0, 2), [
    { type: 'start', settings: { a: 1 }, ticketKeys: forked[0]!.ticketKeys()[0] },
    { type: 'config', config: 1, value: 'one', port: 0 },
  ])
  assert.deepEqual(
    forked.slice(1).map(({ got }) => got[1]),
    [1, 2].map(() => ({ type: 'config', config: 1, value: 'one', port: 4711 })),
  )
  assert.equal(supervisor.ready.length, 3)
})

test('what keeps the first from beginning is told, and no other is begun', async () => {
  const { supervisor, forked, beginning } = setUp(3)
  beginning('badly')
  await assert.rejects(supervisor.start('one'), (error) => error instanceof WorkerFailed && error.code === 'EADDRINUSE')
  assert.equal(forked.length, 1)
})

test('one that dies is followed at once, one that goes on dying after longer and longer pauses', async () => {
  const { supervisor, forked, clock, beginning } = setUp(1)
  await supervisor.start('one')
  clock.advance(10_000)
  forked[0]!.die()
  clock.advance(0)
  assert.equal(forked.length, 2)
  beginning('never')
  const pauses: number[] = []
  for (let death = 1; death <= 8; death++) {
    forked.at(-1)!.die()
    const before: number = forked.length
    let ms = 0
    for (clock.advance(0); forked.length === before; ms++) clock.advance(1)
    pauses.push(ms)
  }
  assert.deepEqual(pauses, [0, 50, 100, 200, 400, 800, 1600, 2500])
  assert.equal(supervisor.restarts, 9)
})

test('what goes wrong with a worker that runs is not its end, and not the supervisor’s either', async () => {
  const { supervisor, forked } = setUp(1)
  await supervisor.start('one')
  for (const code of ['EPERM', 'EPIPE']) forked[0]!.emit('error', Object.assign(new Error(code), { code }))
  assert.deepEqual([forked.length, supervisor.ready.length], [1, 1])
})

test('a config that is refused stays out, also for those who begin later', async () => {
  const { supervisor, forked, clock } = setUp()
  await supervisor.start('one')
  await supervisor.configure('bad')
  await supervisor.configure('two')
  await supervisor.configure('bad')
  assert.deepEqual(forked[1]!.configs(), ['one', 'bad', 'two', 'bad'])
  forked[0]!.die()
  clock.advance(0)
  await turn()
  assert.deepEqual(forked[2]!.configs(), ['two'])
})

test('one that begins while a config is being taken gets it as well', async () => {
  const { supervisor, forked, clock, beginning } = setUp()
  await supervisor.start('one')
  forked[0]!.die()
  beginning('never')
  clock.advance(0)
  await supervisor.configure('two')
  forked[2]!.say({ type: 'ready', port: 4711 })
  await turn()
  assert.deepEqual(forked[2]!.configs(), ['one', 'two'])
})

test('one that answers no pings is killed and followed by another', async () => {
  const { supervisor, forked, clock } = setUp()
  await supervisor.start('one')
  clock.advance(60_000)
  assert.equal(forked.length, 2)
  forked[1]!.answersPings = false
  clock.advance(12_000)
  await turn()
  assert.deepEqual([forked.length, forked[1]!.connected], [3, false])
})

test('ejections go to all others, and to those who begin while they last', async () => {
  const { supervisor, forked, clock } = setUp(3)
  await supervisor.start('one')
  const news = { service: 's', instance: 'i', ejection: { why: 'failures', forMs: 2000, times: 1 } } as const
  forked[0]!.say({ type: 'health', news })
  const health = (worker: FakeWorker) => worker.got.filter(({ type }) => type === 'health')
  assert.deepEqual(
    forked.map((worker) => health(worker).length),
    [0, 1, 1],
  )
  clock.advance(500)
  forked[2]!.die()
  clock.advance(0)
  await turn()
  const later = { ...news, ejection: { ...news.ejection, forMs: 1500 } }
  assert.deepEqual(health(forked[3]!), [{ type: 'health', news: later }])
  forked[1]!.say({ type: 'health', news: { service: 's', instance: 'i' } })
  forked[0]!.die()
  clock.advance(0)
  await turn()
  assert.deepEqual(health(forked[4]!), [], 'it is back')
})

test('pages: one that does not answer is left out, and readiness says how many serve', async () => {
  const { supervisor, forked, clock } = setUp()
  await supervisor.start('one')
  const pages = workersPages(supervisor)
  const asked = pages.get('/explain', new URLSearchParams('path=/x'))
  const { id } = forked[1]!.got.at(-1) as Extract<ToWorker, { type: 'ask-page' }>
  forked[1]!.say({ type: 'page', id, page: { status: 200, text: '{"candidates":[]}' } })
  clock.advance(2000)
  assert.deepEqual(await asked, { status: 200, body: { candidates: [] } })
  const ready = () => pages.get('/health/ready', new URLSearchParams())
  assert.deepEqual(ready(), { status: 200, body: { status: 'ok', workers: { ready: 2, of: 2 } } })
  await supervisor.close()
  assert.deepEqual(ready(), { status: 503, body: { status: 'draining', workers: { ready: 0, of: 2 } } })
  assert.deepEqual(await pages.get('/explain', new URLSearchParams()), {
    status: 503,
    body: { status: 'no worker answers' },
  })
})

test('all workers seal TLS sessions with the same key, with another every twelve hours, and so do those that begin later', async () => {
  const { supervisor, forked, clock } = setUp(2)
  await supervisor.start('one')
  clock.advance(12 * 3_600_000)
  forked[0]!.die()
  clock.advance(0)
  clock.advance(12 * 3_600_000)
  const [first, second, third] = forked.map((worker) => worker.ticketKeys()) as [string[], string[], string[]]
  assert.deepEqual([first.length, second.length, third.length], [2, 3, 2])
  assert.deepEqual([first, third], [second.slice(0, 2), second.slice(1)])
  assert.equal(new Set(second.map((keys) => Buffer.from(keys, 'base64').toString('hex'))).size, 3)
  assert.ok(second.every((keys) => Buffer.from(keys, 'base64').length === 48))
  await supervisor.close()
})
