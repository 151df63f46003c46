import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseArguments } from './args.ts'
import { type Options, UsageError } from './command.ts'

const OPTIONS = {
  follow: { kind: 'flag', short: 'f', description: '' },
  last: { kind: 'count', short: 'n', description: '' },
  port: { kind: 'port', description: '' },
  header: { kind: 'text', multiple: true, description: '' },
} as const satisfies Options

const parse = (line: string, open = false) => parseArguments(line.split(' ').filter(Boolean), OPTIONS, open)

describe('arguments', () => {
  test('options stand before, between and after arguments, in every form', () => {
    for (const line of ['orders -f -n 5', '-fn 5 orders', '-fn5 orders', '--follow orders --last=5']) {
      const { values, args } = parse(line)
      assert.deepEqual({ ...values }, { follow: true, last: 5 }, line)
      assert.deepEqual(args, ['orders'], line)
    }
  })

  test('a repeatable option is a list', () => {
    assert.deepEqual(parse('--header a:1 --header b:2').values['header'], ['a:1', 'b:2'])
  })

  test('after -- everything is an argument', () => {
    assert.deepEqual(parse('-f -- -n --port').args, ['-n', '--port'])
  })

  test('a flag can be taken back', () => {
    assert.equal(parse('--follow=false').values['follow'], false)
  })

  test('the options of every command are known', () => {
    assert.equal(parse('--json -h').values['json'], true)
    assert.equal(parse('--json -h').values['help'], true)
  })

  test('undeclared options are taken as they are where the command allows it', () => {
    const { extra, args } = parse('users.get --id 1 --offset -3 --deep --name=a=b', true)
    assert.deepEqual(extra, [
      ['id', '1'],
      ['offset', '-3'],
      ['deep', true],
      ['name', 'a=b'],
    ])
    assert.deepEqual(args, ['users.get'])
  })

  const REFUSED: readonly (readonly [string, RegExp])[] = [
    ['--folow', /unknown option --folow; did you mean --follow\?/],
    ['--constructor', /unknown option --constructor/],
    ['-x', /unknown option -x/],
    ['--last', /--last needs a whole number/],
    ['--last --follow', /--last needs a whole number/],
    ['-n many', /-n many: not a whole number/],
    ['--port 70000', /--port 70000: not a port, 0 to 65535/],
    ['--follow=yes', /--follow takes no value/],
  ]
  for (const [line, message] of REFUSED) {
    test(`refuses ${line}`, () => {
      assert.throws(
        () => parse(line),
        (error) => error instanceof UsageError && message.test(error.message),
      )
    })
  }
})
