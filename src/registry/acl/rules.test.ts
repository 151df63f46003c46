import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Access, Rule } from './contract.ts'
import { Limited } from './rights.ts'
import { RuleSet } from './rule-set.ts'
import { parseRules } from './rules.ts'

const said = ({ resource, name, isPrefix, access }: Rule) =>
  `${resource}${isPrefix ? '_prefix' : ''} ${name}: ${access}`
const rules = (text: string) => parseRules(text).map(said)
const rightsOf = (text: string, open = false) =>
  new Limited({ accessor: 'a', name: '' }, new RuleSet(parseRules(text)), open, 0)

test('HCL in its forms, and JSON in its, say the same', () => {
  const expected = ['key_prefix foo/: write', 'key_prefix foo/secret: deny', 'service web: read', 'operator : read']
  for (const text of [
    `key_prefix "foo/" { policy = "write" } # one
     key_prefix "foo/secret" { policy = "deny" } // two
     /* three */ service "web" { policy = "read" intentions = "read" }
     operator = "read"`,
    'key_prefix = { "foo/" = { policy = "write" } }\nkey_prefix = { "foo/secret" = { policy = "deny" } }\nservice web { policy = "read" }\noperator = "read"',
    'key_prefix { "foo/" { policy = "write" }, "foo/secret" { policy = "deny" } } service { web { policy = "read" } } operator = "read"',
    '{"key_prefix":{"foo/":{"policy":"write"},"foo/secret":{"policy":"deny"}},"service":{"web":{"policy":"read"}},"operator":"read"}',
    '{"key_prefix":[{"foo/":{"policy":"write"}},{"foo/secret":[{"policy":"deny"}]}],"service":[{"web":{"policy":"read"}}],"operator":"read"}',
  ]) {
    assert.deepEqual(rules(text), expected, text)
  }
})

test('escapes, empty names and every resource', () => {
  assert.deepEqual(rules(String.raw`key "a\"b\\c" { policy = "list" }`), [String.raw`key a"b\c: list`])
  assert.deepEqual(rules('service_prefix "" { policy = "read" }'), ['service_prefix : read'])
  for (const name of ['agent', 'event', 'identity', 'key', 'node', 'query', 'service', 'session']) {
    assert.deepEqual(rules(`${name} "x" { policy = "deny" }`), [`${name} x: deny`])
  }
  for (const name of ['acl', 'keyring', 'mesh', 'operator', 'peering']) {
    assert.deepEqual(rules(`${name} = "write"`), [`${name} : write`])
  }
  assert.deepEqual(rules(''), [])
  assert.deepEqual(rules(' # nothing\n'), [])
})

test('what is wrong is refused with its place, also what Consul skips over', () => {
  for (const [text, reason] of [
    ['key "', 'Failed to parse ACL rules: At 1:5: literal not terminated'],
    ['\n  key "a" {', 'Failed to parse ACL rules: At 2:12: expected }, got: end of file'],
    ['key "a" = "read"', 'At 1:9: expected an object after a label, got: ='],
    ['key', 'At 1:4: expected = or an object, got: end of file'],
    ['key "a" { policy = $x }', 'illegal character "$"'],
    [`key "$\{a}" { policy = "read" }`, 'interpolation is not supported'],
    ['servise "web" { policy = "deny" }', '"servise" is nothing that rules are for'],
    ['service "web" { polici = "deny" }', 'unknown field "polici"'],
    ['service "web" { }', 'Invalid service policy for "web": "" is none'],
    ['service "web" { policy = "list" }', '"list" is none'],
    ['service { policy = "read" }', 'it has no name'],
    ['operator = "list"', 'Invalid operator policy'],
    ['operator "x" { policy = "read" }', 'Invalid operator policy'],
    ['{"key": null}', 'null is no value'],
    ['{"key": ', 'Failed to parse ACL rules'],
    ['a{'.repeat(20), 'at most 8 levels'],
    [`# ${'x'.repeat(70_000)}`, 'longer than 65536 bytes'],
  ] as const) {
    assert.throws(
      () => parseRules(text),
      (error: Error) => error.name === 'RulesError' && error.message.includes(reason),
      `${text.slice(0, 40)} → ${reason}`,
    )
  }
})

test('no text breaks the parser in another way than by saying so', () => {
  const bits = fc.constantFrom(
    'key',
    '_prefix',
    ' "a" ',
    '{',
    '}',
    '[',
    ']',
    '=',
    ',',
    '"',
    '\\',
    'policy',
    '"read"',
    '#',
    '/*',
    '\n',
    '${',
    '\u0000',
  )
  fc.assert(
    fc.property(
      fc.array(bits, { maxLength: 30 }).map((parts) => parts.join('')),
      (text) => {
        try {
          parseRules(text)
        } catch (error) {
          assert.equal((error as Error).name, 'RulesError', String(error))
        }
      },
    ),
    { seed: seed(), numRuns: 2000 },
  )
})

test('the exact name before prefixes, the longest prefix first', () => {
  const rights = rightsOf(`
    service "web" { policy = "read" }
    service_prefix "we" { policy = "write" }
    service_prefix "" { policy = "deny" }`)
  assert.deepEqual(
    ['web', 'web2', 'we', 'api', ''].map((name) => [
      rights.allows('service', 'read', name),
      rights.allows('service', 'write', name),
    ]),
    [
      [true, false],
      [true, true],
      [true, true],
      [false, false],
      [false, false],
    ],
  )
})

test('deny before write before list before read, whatever their order', () => {
  const accesses: readonly Access[] = ['read', 'list', 'write', 'deny']
  for (const [i, weak] of accesses.entries()) {
    for (const strong of accesses.slice(i)) {
      for (const pair of [
        [weak, strong],
        [strong, weak],
      ]) {
        const set = new RuleSet(pair.map((access) => ({ resource: 'key', name: 'k', isPrefix: true, access: access! })))
        assert.equal(set.named('key', 'kk'), strong)
      }
    }
  }
})

test('write may do everything, list may read, and nobody reads by the default what only acl grants', () => {
  const rights = rightsOf('key "w" { policy = "write" } key "l" { policy = "list" } key "r" { policy = "read" }')
  const may = (name: string) =>
    (['read', 'list', 'write'] as const).filter((access) => rights.allows('key', access, name))
  assert.deepEqual(
    [may('w'), may('l'), may('r'), may('x')],
    [['read', 'list', 'write'], ['read', 'list'], ['read'], []],
  )
  const open = rightsOf('', true)
  assert.deepEqual(
    [open.allows('operator', 'write'), open.allows('key', 'write', 'x'), open.allows('acl', 'read')],
    [true, true, false],
  )
  const operator = rightsOf('operator = "read" peering = "deny"')
  assert.deepEqual([operator.allows('mesh', 'read'), operator.allows('peering', 'read')], [true, false])
})

test('a tree may be written when the rule above it says so and none below says otherwise', () => {
  const rights = rightsOf(
    'key_prefix "a/" { policy = "write" } key "a/b/c" { policy = "read" } key_prefix "z/" { policy = "read" }',
  )
  assert.deepEqual(
    ['a/', 'a/b', 'a/b/c', 'a/x', 'a', '', 'z/', 'y'].map((prefix) => rights.allowsTree(prefix)),
    [false, false, false, true, false, false, false, false],
  )
  const open = rightsOf('key_prefix "z/" { policy = "read" }', true)
  assert.deepEqual(
    ['', 'y', 'z', 'z/1'].map((prefix) => open.allowsTree(prefix)),
    [false, true, false, false],
  )
})

/** Obvious and slow: every rule that fits, the best of them. */
function twin(all: readonly Rule[], name: string): Access | undefined {
  const order: readonly Access[] = ['read', 'list', 'write', 'deny']
  const fits = all.filter((rule) => (rule.isPrefix ? name.startsWith(rule.name) : name === rule.name))
  const rank = (rule: Rule) => (rule.isPrefix ? rule.name.length : 1000)
  const best = Math.max(...fits.map(rank))
  return fits
    .filter((rule) => rank(rule) === best)
    .map(({ access }) => access)
    .sort((a, b) => order.indexOf(b) - order.indexOf(a))[0]
}

test('rule sets agree with a dumb twin, and sets of the same key decide alike', () => {
  const word = fc.stringMatching(/^[ab/]{0,4}$/)
  const access = fc.constantFrom<Access>('read', 'list', 'write', 'deny')
  const rule = fc.record({ resource: fc.constant('key' as const), name: word, isPrefix: fc.boolean(), access })
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 8 }), fc.array(word, { minLength: 5, maxLength: 5 }), (all, asked) => {
      const set = new RuleSet(all)
      assert.equal(new RuleSet(all.toReversed()).key, set.key)
      for (const name of asked) assert.equal(set.named('key', name), twin(all, name), JSON.stringify({ all, name }))
    }),
    { seed: seed(), numRuns: 2000 },
  )
})

function seed(): number {
  const chosen = Number(process.env['SKEIN_SEED'] ?? Date.now() % 1_000_000)
  console.log(`SKEIN_SEED=${chosen}`)
  return chosen
}
