import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { formatDuration } from './duration.ts'
import { clockTime, formatMs, LogFormatter } from './log-line.ts'
import { StatusLine } from './status-line.ts'
import { pairs, table, width } from './table.ts'
import { coloured, createTerminal, plain } from './terminal.ts'

const AT = Date.parse('2026-11-22T10:00:00.250Z')
const time = clockTime(AT)

function format(text: string, service = 'users', instance = 'users-1'): string {
  return new LogFormatter(plain).format({ at: AT, service, instance, text })
}

describe('log lines', () => {
  test('of pino: time, who, level, message, the rest', () => {
    const line = {
      level: 'info',
      time: new Date(AT).toISOString(),
      service: 'users',
      instance: 'users-1',
      msg: 'listening',
    }
    assert.equal(
      format(JSON.stringify({ ...line, port: 4000, host: 'a b' })),
      `${time} users-1     INFO  listening port=4000 host="a b"`,
    )
  })

  test('of pino with numbers', () => {
    assert.match(format('{"level":40,"time":1,"pid":3,"hostname":"x","msg":"careful"}'), /WARN {2}careful$/)
  })

  test('an access line is a sentence, with what was tried before', () => {
    const access = {
      level: 'info',
      kind: 'access',
      method: 'GET',
      path: '/user/1',
      route: 'r',
      status: 200,
      durationMs: 3.1234,
    }
    const attempts = [
      { instance: 'users-1', outcome: 'UNREACHABLE', durationMs: 1 },
      { instance: 'users-2', outcome: 200, durationMs: 2 },
    ]
    const text = JSON.stringify({ ...access, requestId: 'q', traceId: 't', instance: 'users-2', attempts })
    assert.equal(
      format(text, 'gateway', 'gateway-1'),
      `${time} gateway-1   GET /user/1 200 3.1 ms → users-2 after users-1 UNREACHABLE`,
    )
  })

  test('a stack goes below', () => {
    const text = JSON.stringify({
      level: 'error',
      msg: 'failed',
      err: { type: 'Error', message: 'x', stack: 'Error: x\n  at y' },
    })
    assert.equal(format(text), `${time} users-1     ERROR failed\n    Error: x\n      at y`)
  })

  test('what is no JSON, or no log line, is shown as it came', () => {
    for (const text of ['plain', '{"a":1}', '{broken', '[1]', 'null', '']) {
      assert.equal(format(text), `${time} users-1     ${text}`)
    }
  })

  test('whatever an app writes is shown, and ends nobody', () => {
    const knot = '{"toString":1,"valueOf":1}'
    for (const text of [
      `{"level":${knot}}`,
      `{"level":"info","msg":${knot}}`,
      `{"level":"info","kind":"access","method":${knot}}`,
      '{"level":"info","kind":"access","attempts":[null,1]}',
    ]) {
      assert.equal(format(text), `${time} users-1     ${text}`)
    }
    const shown = (text: string) => new LogFormatter(coloured).format({ at: AT, service: 'a', instance: 'a-1', text })
    assert.match(shown('{"level":"constructor","msg":"m"}'), /CONSTRUCTOR.* m$/)
    for (const far of ['1e300', '-1e300', '8640000000000001'])
      assert.equal(format(`{"level":"info","time":${far},"msg":"m"}`), `${time} users-1     INFO  m`)
  })

  test('columns stand still, also with colours', () => {
    const formatter = new LogFormatter(coloured)
    const lines = ['a', 'b-with-a-long-name', 'a'].map((instance) =>
      formatter.format({ at: AT, service: 's', instance, text: '|' }),
    )
    assert.equal(width(lines[1]!), width(lines[2]!))
  })
})

test('durations have the two units that matter', () => {
  const cases = [
    [0, '0s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [192_000, '3m 12s'],
    [3_600_000 * 5 + 61_000, '5h 1m'],
    [86_400_000 * 2 + 3_600_000 * 4, '2d 4h'],
  ] as const
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text)
  assert.deepEqual([0.42, 12.3, 1234].map(formatMs), ['0.4 ms', '12 ms', '1.2 s'])
})

test('a table is as wide as its widest cells, colours not counted', () => {
  const columns = [{ title: 'NAME' }, { title: 'N', align: 'right' as const }, { title: 'X' }]
  const rows = [
    [coloured('red', 'users'), '5', ''],
    ['a', '100', 'b'],
  ]
  const lines = table(columns, rows, plain)
  assert.equal(lines[0], 'NAME     N  X')
  assert.equal(lines[2], 'a      100  b')
  assert.equal(width(lines[1]!), lines[2]!.length)
})

test('of a pair the lines of the right column stand under each other', () => {
  assert.deepEqual(
    pairs([
      ['a', 'one'],
      ['long', 'two\nthree'],
    ]).join('\n'),
    '  a     one\n  long  two\n        three',
  )
})

describe('the terminal', () => {
  const terminal = (isTTY: boolean, env: Record<string, string>, noColor = false) => {
    const stream = { isTTY, columns: 80, write: () => true }
    return createTerminal({ stdout: stream, stderr: stream, env, noColor }).out.paint('red', 'x') !== 'x'
  }
  test('has colours only where a person looks on and wants them', () => {
    assert.equal(terminal(true, {}), true)
    assert.equal(terminal(false, {}), false)
    assert.equal(terminal(true, { NO_COLOR: '1' }), false)
    assert.equal(terminal(true, { NO_COLOR: '' }), true)
    assert.equal(terminal(true, { TERM: 'dumb' }), false)
    assert.equal(terminal(true, {}, true), false)
    assert.equal(terminal(false, { FORCE_COLOR: '1' }), true)
    assert.equal(terminal(true, { FORCE_COLOR: '0' }), false)
  })

  function statusLine(isTTY: boolean) {
    const written: string[] = []
    const stream = { isTTY, columns: 20, write: (text: string) => written.push(text) }
    const { out } = createTerminal({ stdout: stream, stderr: stream, env: {} })
    const clock = new VirtualClock()
    return { written, clock, out }
  }

  test('a status line stays below what is printed, and goes in the end', () => {
    const { written, clock, out } = statusLine(true)
    const line = new StatusLine(out, () => 'status', clock)
    line.print('one')
    clock.advance(1000)
    line.print('two')
    clock.advance(1000)
    line.end()
    line.refresh()
    clock.advance(1000)
    assert.deepEqual(written, ['one\n', 'status', '\r\u001b[Jtwo\n', 'status', '\r\u001b[J'])
  })

  test('a status line wider than the terminal, or without one, is not drawn', () => {
    for (const [isTTY, text] of [
      [true, 'x'.repeat(20)],
      [false, 'x'],
    ] as const) {
      const { written, clock, out } = statusLine(isTTY)
      const line = new StatusLine(out, () => text, clock)
      line.print('one')
      clock.advance(1000)
      assert.deepEqual(written, ['one\n'])
    }
  })
})
