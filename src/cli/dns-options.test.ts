import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from './command.ts'
import { readDnsOptions } from './dns-options.ts'

test('settings of DNS come as JSON, and every mistake is told', () => {
  assert.deepEqual(readDnsOptions(undefined), {})
  const all = { domain: 'lan', serviceTtl: { '*': 5 }, soa: { minTtl: 1 }, onlyPassing: true, truncate: false }
  assert.deepEqual(readDnsOptions(JSON.stringify(all)), all)
  const mistakes = (text: string) => {
    try {
      readDnsOptions(text)
    } catch (error) {
      assert.ok(error instanceof UsageError)
      return error.message
    }
    throw new Error(`${text} was taken`)
  }
  assert.match(mistakes('{'), /this is no JSON/)
  assert.match(mistakes('[]'), /a list is not an object/)
  const text = mistakes('{"onlyPasing": true, "nodeTtl": "5s", "serviceTtl": {"*": "5s"}}')
  assert.match(
    text,
    /dns\.onlyPasing: unknown key; dns\.serviceTtl: an object is not an object of numbers; dns\.nodeTtl/,
  )
  assert.match(mistakes('{"nodeTtl": -1}'), /dns\.nodeTtl: -1 is not a whole number from 0/)
  assert.match(mistakes('{"domain": "a b..c"}'), /dns\.domain: .*is not a domain name/)
})
