import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Failure } from '../command.ts'
import type { Flags } from './contract.ts'
import { parseFlags } from './flags.ts'

const FLAGS = {
  dev: { kind: 'switch', description: '' },
  node: { kind: 'text', description: '' },
  flags: { kind: 'count', description: '' },
  'http-port': { kind: 'port', description: '' },
  tag: { kind: 'list', description: '' },
} as const satisfies Flags

const parse = (line: string, lenient = false) => parseFlags(line.split(' ').filter(Boolean), FLAGS, lenient)

describe("flags, as Go's package reads them", () => {
  test('one dash or two, equals sign or space', () => {
    for (const line of ['-node=a -http-port=1', '--node a --http-port 1', '-node a --http-port=1'])
      assert.deepEqual({ ...parse(line).values }, { node: 'a', 'http-port': 1 }, line)
  })

  test('a switch takes a value only with an equals sign', () => {
    for (const [text, value] of [
      ['-dev', true],
      ['-dev=false', false],
      ['-dev=T', true],
      ['-dev=0', false],
    ] as const)
      assert.equal(parse(text).values['dev'], value, text)
    assert.deepEqual(parse('-dev false').args, ['false'])
  })

  test('the first argument ends them, and so does --', () => {
    assert.deepEqual(parse('-dev key -node a').args, ['key', '-node', 'a'])
    assert.deepEqual(parse('-- -dev').args, ['-dev'])
    assert.deepEqual(parse('-dev -').args, ['-'], 'standard input')
    assert.deepEqual(parse('-5').args, ['-5'])
  })

  test('what comes twice is a list, or the last', () => {
    const { values, given } = parse('-tag a -node x -tag=b -node y')
    assert.deepEqual({ ...values }, { tag: ['a', 'b'], node: 'y' })
    assert.deepEqual(
      given.map((pair) => pair.join('=')),
      ['tag=a', 'node=x', 'tag=b', 'node=y'],
    )
  })

  test('64 bits keep their digits; -1 is a port', () => {
    assert.equal(parse('-flags 18446744073709551615').values['flags'], '18446744073709551615')
    assert.equal(parse('-http-port -1').values['http-port'], -1)
  })

  test('empty values and values with an equals sign', () => {
    assert.equal(parse('-node=').values['node'], '')
    assert.equal(parse('-node=a=b').values['node'], 'a=b')
  })

  test('unknown flags are refused, or taken with their value', () => {
    assert.throws(() => parse('-nod a'), /flag provided but not defined: -nod/)
    const { values, unknown, args } = parse('-foo bar -baz=1 --qux -dev -constructor', true)
    assert.deepEqual([{ ...values }, unknown, args], [{ dev: true }, ['foo', 'baz', 'qux', 'constructor'], []])
  })

  const REFUSED = ['-node', '-http-port=70000', '-http-port=-2', '-http-port=x', '-flags=-1', '-dev=yes']
  for (const line of [...REFUSED, '-flags=18446744073709551616', '-flags=1e3']) {
    test(`refuses ${line}`, () => {
      assert.throws(
        () => parse(line),
        (error) => error instanceof Failure && /-(?:node|http-port|flags|dev)/.test(error.message),
      )
    })
  }

  test('help is seen beside other flags', () => {
    for (const line of ['-h', '--help', '-dev -help']) assert.equal(parse(line).wantsHelp, true)
  })
})
