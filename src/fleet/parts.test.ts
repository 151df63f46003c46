/** The small pure parts, each against its promise. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { VirtualClock } from '../core/clock.ts'
import { afterFailure } from './backoff.ts'
import type { LogLine } from './contract.ts'
import { describeEnd, lostPort } from './describe-end.ts'
import { spec, TOOLS } from './fake-host.suite.ts'
import { LINE_MAX, LineSplitter } from './lines.ts'
import { CHARACTERS_MAX, LINES_MAX, Logbook } from './logbook.ts'
import { hostOf, planLaunch } from './plan.ts'
import { Ports } from './ports.ts'
import { folder } from './process-bench.suite.ts'
import { StartPermits } from './start-permits.ts'
import { findTools } from './tools.ts'

const seed = Number(process.env['SKEIN_SEED'] ?? 1)

function split(chunks: readonly Uint8Array[]): string[] {
  const lines: string[] = []
  const splitter = new LineSplitter((line) => lines.push(line))
  for (const chunk of chunks) splitter.write(chunk)
  splitter.end()
  return lines
}

describe('lines', () => {
  test('however the bytes are cut, the lines are the same', () => {
    console.log(`seed ${seed} (SKEIN_SEED)`)
    const text = fc
      .array(fc.constantFrom('a', 'ä', '€', '😀', '\n', '\r\n'), { maxLength: 60 })
      .map((parts) => parts.join(''))
    const cases = fc.property(text, fc.array(fc.nat(200), { maxLength: 20 }), (whole, cuts) => {
      const bytes = Buffer.from(whole)
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
      const chunks = at.slice(1).map((to, i) => bytes.subarray(at[i], to))
      const expected = whole.split('\n').map((line) => line.replace(/\r$/, ''))
      if (expected.at(-1) === '') expected.pop()
      assert.deepEqual(split(chunks), expected)
    })
    fc.assert(cases, { seed, numRuns: 500 })
  })

  test('a huge line is cut, marked, and the next one is whole', () => {
    const huge = 'x'.repeat(LINE_MAX - 1)
    const lines = split([Buffer.from(huge), Buffer.from('😀y'), Buffer.from('more'), Buffer.from('\nnext\n')])
    assert.deepEqual(lines, [`${huge}…`, 'next'])
    assert.deepEqual(split([Buffer.from(`${huge}z`)]), [`${huge}z`])
  })
})

describe('logbook', () => {
  const line = (text: string, service = 'a'): LogLine => ({
    at: 0,
    service,
    instance: `${service}-1`,
    stream: 'stdout',
    text,
  })

  test('keeps the last lines, by service and instance', () => {
    const book = new Logbook()
    for (let i = 0; i < LINES_MAX * 2 + 5; i++) book.append(line(String(i)))
    book.append(line('b', 'b'))
    assert.equal(book.read().length, LINES_MAX)
    assert.deepEqual(
      book.read({ last: 2 }).map(({ text }) => text),
      [String(LINES_MAX * 2 + 4), 'b'],
    )
    assert.deepEqual(
      book.read({ instance: 'b-1' }).map(({ text }) => text),
      ['b'],
    )
    assert.deepEqual(book.read({ service: 'a', last: 0 }), [])
  })

  test('is bounded in characters too', () => {
    const book = new Logbook()
    const long = 'x'.repeat(LINE_MAX)
    for (let i = 0; i < 1000; i++) book.append(line(long))
    assert.equal(book.read().length, CHARACTERS_MAX / LINE_MAX)
  })

  test('each listener hears each line until it leaves, the same function twice if asked twice', () => {
    const book = new Logbook()
    const heard: string[] = []
    const listener = ({ text }: LogLine) => heard.push(text)
    const stop = book.listen(listener)
    book.listen(listener)
    book.append(line('1'))
    stop()
    book.append(line('2'))
    assert.deepEqual(heard, ['1', '1', '2'])
  })
})

test('back-off: at once for one that had served, then 1, 2, 4 … 60 s, forgotten after 60 s of health', () => {
  const waits = (healthy: readonly (number | undefined)[]) => {
    let step = 0
    return healthy.map((healthyMs) => {
      const next = afterFailure(step, healthyMs)
      step = next.step
      return next.waitMs / 1000
    })
  }
  const never = undefined
  assert.deepEqual(waits(new Array(9).fill(never)), [1, 2, 4, 8, 16, 32, 60, 60, 60])
  assert.deepEqual(waits([10, 10, never, never, 59_999]), [0, 1, 2, 4, 8])
  assert.deepEqual(waits([never, never, 60_000, never]), [1, 2, 0, 1])
})

describe('the account of an end', () => {
  const exit = (code: number) => ({ code, signal: null })

  test('the line that says most', () => {
    const node = [
      'file:///a.ts:3',
      "  throw new Error('x')",
      '        ^',
      '',
      'Error: no database',
      '    at main (a.ts:3)',
      '',
      'Node.js v26.10.0',
    ]
    assert.equal(describeEnd(exit(1), undefined, node), 'exit 1: Error: no database')
    const python = [
      'Traceback (most recent call last):',
      '  File "a.py", line 1',
      'ModuleNotFoundError: No module named flask',
    ]
    assert.equal(describeEnd(exit(1), undefined, python), 'exit 1: ModuleNotFoundError: No module named flask')
    const coded = [
      'node:events:498',
      '      throw er;',
      "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'zod'",
      '  code: 1',
      '}',
    ]
    assert.equal(
      describeEnd(exit(1), undefined, coded),
      "exit 1: Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'zod'",
    )
    assert.equal(describeEnd(exit(2), undefined, ['usage: x', 'bad flag']), 'exit 2: bad flag')
    assert.equal(describeEnd({ code: null, signal: 'SIGSEGV' }, undefined, []), 'killed by SIGSEGV')
    assert.equal(describeEnd({ code: null, signal: 'SIGKILL' }, 'did not answer', ['x']), 'did not answer')
    assert.equal(describeEnd({ code: null, signal: null, error: 'EACCES' }, undefined, []), 'cannot be started: EACCES')
  })

  test('a lost port, as Node, Python and Go say it', () => {
    assert.ok(lostPort(['Error: listen EADDRINUSE: address already in use 127.0.0.1:1']))
    assert.ok(lostPort(['OSError: [Errno 98] Address already in use']))
    assert.ok(lostPort(['listen tcp 127.0.0.1:1: bind: address already in use']))
    assert.ok(!lostPort(['Error: connect ECONNREFUSED']))
  })
})

describe('plan', () => {
  const inherited = {
    PATH: '/bin',
    PORT: '1',
    SKEIN_PORT: '2',
    SKEIN_INSTANCE: 'someone',
    A: 'inherited',
    B: 'inherited',
  }

  test('an entry: skein run, a free port of its own choice, its own identity', () => {
    const plan = planLaunch(spec('orders', { weights: [5, 2], env: { A: 'spec' } }), 2, undefined, inherited, TOOLS)
    assert.deepEqual([plan.file, ...plan.args], ['node', '--import', TOOLS.leash, 'skein.js', 'run', '/app/orders.ts'])
    const { PORT, ...env } = plan.env
    assert.equal(PORT, undefined)
    assert.deepEqual(env, {
      PATH: '/bin',
      A: 'spec',
      B: 'inherited',
      SKEIN_PORT: '0',
      SKEIN_SERVICE: 'orders',
      SKEIN_INSTANCE: 'orders-2',
      SKEIN_WEIGHT: '2',
      SKEIN_FLEET: '1',
      OTEL_SERVICE_NAME: 'orders',
    })
  })

  test('spans bear the name of the service, unless somebody has given another', () => {
    const named = (environment: Record<string, string>, env: Record<string, string> = {}) =>
      planLaunch(spec('orders', { env }), 1, undefined, environment, TOOLS).env['OTEL_SERVICE_NAME']
    assert.equal(named({}), 'orders')
    assert.equal(named({ OTEL_SERVICE_NAME: '' }), 'orders')
    assert.equal(named({ OTEL_SERVICE_NAME: 'shop' }), 'shop')
    assert.equal(named({ OTEL_SERVICE_NAME: 'shop' }, { OTEL_SERVICE_NAME: 'mine' }), 'mine')
    assert.equal(named({ OTEL_RESOURCE_ATTRIBUTES: 'a=b,service.name=shop' }), undefined)
    assert.equal(named({ OTEL_RESOURCE_ATTRIBUTES: 'my.service.name=shop' }), 'orders')
  })

  test('commands: Node under the leash, anything else under the guard, the port in both variables', () => {
    const words = (command: string[]) => planLaunch(spec('a', { entry: undefined, command }), 1, 4711, inherited, TOOLS)
    assert.deepEqual(words(['node', '--env-file=x', 'app.js']).args, [
      '--import',
      TOOLS.leash,
      '--env-file=x',
      'app.js',
    ])
    const other = words(['python3', 'app.py'])
    assert.deepEqual(other.args, ['guard.ts', 'python3', 'app.py'])
    assert.deepEqual([other.env['PORT'], other.env['SKEIN_PORT'], other.env['SKEIN_WEIGHT']], ['4711', '4711', '1'])
  })

  test('an instance is asked where it listens', () => {
    const program = { entry: undefined, command: ['x'], env: { SKEIN_HOST: '127.0.0.9' } }
    assert.equal(hostOf(spec('a'), {}), '127.0.0.1')
    assert.equal(hostOf(spec('a'), { SKEIN_HOST: '0.0.0.0' }), '127.0.0.1')
    assert.equal(hostOf(spec('a'), { SKEIN_HOST: '127.0.0.9' }), '127.0.0.9')
    assert.equal(hostOf(spec('a', program), {}), '127.0.0.9')
    assert.equal(hostOf(spec('a', { ...program, env: {} }), { SKEIN_HOST: '127.0.0.9' }), '127.0.0.1')
  })
})

test('the tools are found in a checkout and in the built package', (t) => {
  const here = findTools()
  assert.ok(existsSync(here.skein) && existsSync(here.guard) && existsSync(new URL(here.leash)))
  const built = folder(t, {})
  mkdirSync(join(built, 'dist', 'bin'), { recursive: true })
  writeFileSync(join(built, 'dist', 'bin', 'skein.js'), '')
  const tools = findTools(pathToFileURL(join(built, 'dist', 'fleet', 'tools.js')).href)
  assert.equal(tools.skein, join(built, 'dist', 'bin', 'skein.js'))
  assert.equal(tools.guard, join(built, 'dist', 'fleet', 'guard.js'))
  assert.throws(() => findTools(pathToFileURL(join(built, 'x', 'y', 'tools.js')).href), /executable is missing/)
})

test('a free port is never handed out twice at a time', async () => {
  const offered = [1, 1, 2, 1]
  const ports = new Ports(async () => offered.shift() ?? 1)
  assert.deepEqual([await ports.take(), await ports.take()], [1, 2])
  ports.giveBack(1)
  assert.equal(await ports.take(), 1)
  await assert.rejects(ports.take(), /no free port/)
})

test('start permits: first come, first served; given back once, left in the queue, or taken back', () => {
  const clock = new VirtualClock()
  const permits = new StartPermits(clock, 1)
  const started: string[] = []
  const request = (name: string) => permits.request(() => started.push(name))
  const [a, b, c] = ['a', 'b', 'c', 'd'].map(request)
  assert.deepEqual(started, ['a'])
  b!()
  a!()
  a!()
  assert.deepEqual(started, ['a', 'c'])
  clock.advance(2000)
  assert.deepEqual(started, ['a', 'c', 'd'])
  c!()
  request('e')
  assert.deepEqual(started, ['a', 'c', 'd'])
})
