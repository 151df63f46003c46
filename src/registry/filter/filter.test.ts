import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HEALTH_FIELDS } from './fields.ts'
import { createFilter } from './filter.ts'
import { compileRegExp } from './regexp.ts'
import { STEPS_MAX } from './steps.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 3)

const ENTRY = {
  Node: { Node: 'n1', Address: '10.0.0.1', Meta: { 'a-b': 'x', zone: 'eu' } },
  Service: {
    ID: 'web-1',
    Service: 'web',
    Tags: ['v1', 'prod'],
    Meta: { version: '2' },
    Port: 80,
    EnableTagOverride: false,
  },
  Checks: [
    { CheckID: 'a', Status: 'passing' },
    { CheckID: 'b', Status: 'critical' },
  ],
}

const EXPRESSIONS: readonly [string, boolean][] = [
  ['Service.Port == 80', true],
  ['Service.Port != 80', false],
  ['Service.Meta.version == 2', true],
  ['Service.Meta.version == "2"', true],
  ['Service.Meta.none == "2"', false],
  ['Service.Meta.none != "2"', true],
  ['Node.Meta["a-b"] == x', true],
  ['"v1" in Service.Tags', true],
  ['v1 in Service.Tags', true],
  ['"v2" not in Service.Tags', true],
  ['Service.Tags contains `prod`', true],
  ['Service.Tags not contains prod', false],
  ['zone in Node.Meta', true],
  ['Service.Service in Service.ID', false],
  ['web in Service.ID', true],
  ['Service.Tags is empty', false],
  ['Service.Tags is not empty', true],
  ['Service.Meta is not empty and Checks is not empty', true],
  ['Service.EnableTagOverride == false', true],
  ['Checks.Status == critical', true],
  ['Checks.Status != critical', true],
  ['not Checks.Status == critical', false],
  ['Node.Node matches "^n[0-9]$"', true],
  ['Node.Node not matches "^x"', true],
  ['Service.Port == 81 or Service.Port == 80 and Node.Node == n1', true],
  ['(Service.Port == 81 or Service.Port == 80) and Node.Node == n2', false],
  ['not not ( Node.Node == "n1" )', true],
  ['Service.Meta.version=="2"and(Service.Port==80)', true],
]
for (const [text, expected] of EXPRESSIONS) {
  test(`filter ${text}`, () => assert.equal(createFilter(text, HEALTH_FIELDS)()(ENTRY), expected))
}

const MISTAKES: readonly [string, RegExp][] = [
  ['Foo == v', /^Failed to create boolean expression evaluator: Selector "Foo" is not valid$/],
  ['Service == v', /Selector "Service" is not valid/],
  ['Service.Port.x == v', /Selector "Service.Port.x" is not valid/],
  ['Service.constructor == v', /Selector "Service.constructor" is not valid/],
  ['Service.Port ==', /: 1:16 \(15\): no match found, expected/],
  ['== x', /1:1 \(0\)/],
  ['Service.Port == 80 80', /1:20 \(19\)/],
  ['(Service.Port == 80', /no match found/],
  ['"Service.Port" == 80', /no match found/],
  ['Service.Port == x', /Failed to coerce value "x" for selector "Service.Port"/],
  ['80 in Service.Port', /Invalid match operator "In" for selector "Service.Port"/],
  ['Service.Port is not empty', /Invalid match operator "Is Not Empty" for selector "Service.Port"/],
  ['Service.Tags == v1', /Invalid match operator "Equal" for selector "Service.Tags"/],
  ['Node.Node matches "("', /missing closing \)/],
  ['(('.repeat(5000), /no match found/],
]
for (const [text, message] of MISTAKES) {
  test(`filter mistake ${text.slice(0, 30)}`, () => {
    assert.throws(() => createFilter(text, HEALTH_FIELDS), { status: 500, message })
  })
}

test('regular expressions agree with the built-in ones', () => {
  const piece = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '1', '^', '$', '\\b', '[0-9a]', 'é', '\\.')
  const pattern = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      piece,
      fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b),
      fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a}|${b})`),
      fc
        .tuple(tie('node'), fc.constantFrom('*', '+', '?', '{2}', '{0,2}', '{1,}', '*?'))
        .map(([a, b]) => `(?:${a})${b}`),
    ),
  })).node
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', '.', 'é', '\n'), maxLength: 8 })
  fc.assert(
    fc.property(pattern, text, (source, input) => {
      assert.equal(
        compileRegExp(source)(input),
        new RegExp(source).test(input),
        `/${source}/ on ${JSON.stringify(input)}`,
      )
    }),
    { seed: SEED, numRuns: 2000 },
  )
})

test('regular expressions: flags, and what is not understood is refused', () => {
  assert.equal(compileRegExp('(?i)WeB')('a web'), true)
  assert.equal(compileRegExp('(?s)a.b')('a\nb'), true)
  for (const bad of [
    '(',
    ')',
    '[a',
    'a**b(',
    '*a',
    '\\1',
    '(?=a)',
    'a{2,1}',
    'a{2000}',
    '[b-a]',
    '\\',
    '((a{1000}){1000}){1000}',
    `${'('.repeat(9000)}${')'.repeat(9000)}`,
  ]) {
    assert.throws(() => compileRegExp(bad), SyntaxError, bad)
  }
})

test('named classes, and none that is not there', () => {
  assert.equal(compileRegExp('^[[:alpha:]_]+[[:digit:]]{2}$')('web_17'), true)
  assert.equal(compileRegExp('^[[:alpha:]]+$')('web1'), false)
  assert.equal(compileRegExp('^[[:^space:]]+$')('a b'), false)
  assert.equal(compileRegExp('^[^[:upper:][:xdigit:]]+$')('xyz'), true)
  assert.equal(compileRegExp('(?i)^[[:lower:]]+$')('WEB'), true)
  assert.equal(compileRegExp('^[[:]+$')('[:'), true, 'a class of two')
  assert.throws(() => compileRegExp('[[:letter:]]'), /invalid character class range: `\[:letter:\]`/)
})

test('a filter may have as many terms as fit into a request', () => {
  const terms = Array.from({ length: 1000 }, (_, i) => `Service.Port==${i}`)
  assert.deepEqual([ENTRY].filter(createFilter(terms.join(' or '), HEALTH_FIELDS)()), [ENTRY])
  assert.deepEqual([ENTRY].filter(createFilter(terms.join(' and '), HEALTH_FIELDS)()), [])
  const all = terms.map((term) => `not ${term}`).filter((_, i) => i !== 80)
  assert.deepEqual([ENTRY].filter(createFilter(all.join(' and '), HEALTH_FIELDS)()), [ENTRY])
})

test('a pattern made to explode takes its states times the length, no more', () => {
  const matches = compileRegExp('^(a+)+(a|aa)*(a*)*$')
  assert.equal(matches(`${'a'.repeat(3000)}b`), false)
})

test('a pattern that repeats nothing, without end, is read at once', () => {
  const nothing = '('.repeat(30) + '){1000}'.repeat(30)
  assert.equal(compileRegExp(`^${nothing}$`)(''), true)
  assert.equal(compileRegExp(`^${nothing}a+${nothing}$`)('aa'), true)
  assert.equal(compileRegExp(`^a${nothing}$`)('b'), false)
})

const DEAR: readonly [string, string][] = [
  ['many states', 'Service.Meta.long matches "(((a?){9}){9}){9}b"'],
  ['a class of thousands', `Service.Meta.long matches "[${'bcdefghi'.repeat(1000)}a]{999}$"`],
  [
    'many patterns to compile',
    Array(20)
      .fill(`(${Array(12).fill('Service.ID matches "((x{99}){99})"').join(' or ')})`)
      .join(' and '),
  ],
  ['many tests', `(${Array(60).fill('Service.ID == x').join(' or ')})`],
]
for (const [why, text] of DEAR) {
  test(`a filter that costs too much ends, and says which: ${why}`, () => {
    const long = { ...ENTRY, Service: { ...ENTRY.Service, Meta: { long: 'a'.repeat(512) } } }
    const instances = Array(50_000).fill(long)
    assert.throws(() => instances.filter(createFilter(text, HEALTH_FIELDS)()), {
      status: 400,
      message: new RegExp(`^filter ".{40,210}" takes more than ${STEPS_MAX} steps for one answer; use`),
    })
  })
}

test('each answer has its own steps', () => {
  const begin = createFilter('Service.ID matches "^web-[0-9]+$"', HEALTH_FIELDS)
  const instances = Array(40_000).fill(ENTRY)
  for (let answer = 0; answer < 3; answer++) assert.equal(instances.filter(begin()).length, instances.length)
})
