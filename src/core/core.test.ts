import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compose, type Next } from './compose.ts'
import { asSkeinError, ERRORS, SkeinError } from './errors.ts'
import { header, headerValues, lowerCase, rememberedByName, toRawHeaders, withoutHeaders } from './headers.ts'
import { ConfigError, IssueList, nearest } from './issues.ts'
import { below, fullJitter, herdPause, seeded } from './random.ts'
import { registryAddress } from './settings.ts'

test('steps run outermost first and see the result on the way back', async () => {
  const seen: string[] = []
  const step = (name: string) => async (context: null, next: Next<null, string>) => {
    seen.push(`${name} in`)
    const result = await next(context)
    seen.push(`${name} out`)
    return `${name}(${result})`
  }
  const run = compose([step('a'), step('b')], async () => 'x')
  assert.equal(await run(null), 'a(b(x))')
  assert.deepEqual(seen, ['a in', 'b in', 'b out', 'a out'])
})

test('a step may answer in place of the rest', async () => {
  const run = compose<null, string>([async () => 'early'], async () => assert.fail('reached'))
  assert.equal(await run(null), 'early')
})

test('every error has a status that fits its fault', () => {
  for (const [code, { status, fault, hint }] of Object.entries(ERRORS)) {
    assert.ok(fault === 'caller' ? status < 500 : status >= 500, code)
    assert.match(hint, /\.$/, code)
  }
})

test('an error carries code, hint and details in its body; the unknown becomes INTERNAL and keeps its cause', () => {
  const error = new SkeinError('NO_INSTANCES', 'service "users" has no instance', { service: 'users' })
  assert.deepEqual(error.toBody().error['service'], 'users')
  assert.equal(error.toBody().error['hint'], ERRORS.NO_INSTANCES.hint)
  const cause = new Error('boom')
  assert.equal(asSkeinError(cause).cause, cause)
  assert.equal(asSkeinError(cause).code, 'INTERNAL')
  assert.equal(asSkeinError(error), error)
})

test('raw headers: look-up without regard to case, repeats kept', () => {
  const raw = toRawHeaders({ Host: 'a', 'Set-Cookie': ['x=1', 'y=2'], gone: undefined })
  assert.equal(header(raw, 'host'), 'a')
  assert.equal(header(raw, 'absent'), undefined)
  assert.deepEqual(headerValues(raw, 'set-cookie'), ['x=1', 'y=2'])
  assert.deepEqual(withoutHeaders(raw, new Set(['set-cookie'])), ['Host', 'a'])
})

test('issues are all reported, with place and fix', () => {
  const list = new IssueList('skein.config.ts')
  list.add('gateway.routes[0].to', 'no service "user"', 'Did you mean "users"?')
  list.add('', 'exports nothing', 'Write `export default fleet({…})`.')
  const error = new ConfigError(list.issues)
  assert.equal(error.message.split('\n').length, 2)
  assert.match(error.message, /skein\.config\.ts: gateway\.routes\[0\]\.to: no service "user"\. Did you mean "users"\?/)
})

test('nearest finds what was meant and nothing far away', () => {
  assert.equal(nearest('user', ['users', 'orders']), 'users')
  assert.equal(nearest('payment', ['users', 'orders']), undefined)
})

test('a seeded generator repeats itself, covers its range and differs by seed', () => {
  const [a, b, other] = [seeded(7), seeded(7), seeded(8)]
  const counts = new Array(10).fill(0)
  let differing = 0
  for (let i = 0; i < 10_000; i++) {
    const value = a()
    assert.equal(value, b())
    if (value !== other()) differing++
    counts[below(() => value, 10)]++
  }
  assert.ok(differing > 9_990)
  for (const count of counts) assert.ok(Math.abs(count - 1000) < 5 * Math.sqrt(900), String(counts))
})

test('full jitter stays below its interval and its cap', () => {
  assert.equal(
    fullJitter(() => 0.5, 0, 25, 250),
    12.5,
  )
  assert.equal(
    fullJitter(() => 0.5, 10, 25, 250),
    125,
  )
  assert.equal(
    fullJitter(() => 0, 3, 25, 250),
    0,
  )
})

test('of many who lost a server at once not a fifth come back in any second after 6 s, and all within 9 s', () => {
  const random = seeded(7)
  for (const awayMs of [6_000, 10_000, 15_000, 30_000, 60_000, 600_000]) {
    const comes = Array.from({ length: 5000 }, () => {
      let at = 0
      for (let attempt = 0; at < awayMs; attempt++) at += herdPause(random, attempt)
      return at - awayMs
    })
    const inSecond = comes.map((from) => comes.filter((at) => at >= from && at < from + 1000).length / comes.length)
    assert.ok(
      Math.max(...inSecond.slice(0, 200)) < 0.18,
      `away for ${awayMs} ms: ${Math.max(...inSecond.slice(0, 200))}`,
    )
    assert.ok(Math.max(...comes) <= 9000)
  }
})

test('the registry address has a default and no trailing slash', () => {
  assert.equal(registryAddress({}), 'http://127.0.0.1:8500')
  assert.equal(registryAddress({ SKEIN_REGISTRY: '' }), 'http://127.0.0.1:8500')
  assert.equal(registryAddress({ SKEIN_REGISTRY: 'http://r:1/' }), 'http://r:1')
  assert.equal(registryAddress({ SKEIN_REGISTRY: 'http://r:1/,http://s:1//' }), 'http://r:1,http://s:1')
})

test('a name in lower case is the same when it is asked for again, of any characters and any length', () => {
  const names = ['Content-Type', 'content-type', 'É', '中', '-', 'X'.repeat(50), '']
  for (let i = 0; i < 2; i++) for (const name of names) assert.equal(lowerCase(name), name.toLowerCase())
})

test('what is remembered by name has a bound, and beyond it is made anew', () => {
  let made = 0
  const count = rememberedByName(() => ++made)
  for (let i = 0; i < 3_000; i++) count(`name-${i}`)
  assert.equal(count('name-0'), 1)
  assert.equal(count('name-2999'), 3_001)
})
