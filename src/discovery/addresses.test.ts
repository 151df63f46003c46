import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkAddresses, readAddresses } from './addresses.ts'

test('addresses are read one by one, each once, without a slash at the end', () => {
  assert.deepEqual(readAddresses('http://a:8500'), ['http://a:8500'])
  assert.deepEqual(readAddresses(' http://a:8500/, https://b ,,http://[::1]:8500,http://a:8500'), [
    'http://a:8500',
    'https://b',
    'http://[::1]:8500',
  ])
})

for (const [text, message] of [
  ['', /no address is given/],
  [' , ', /no address is given/],
  ['a:8500', /'a:8500' is not a URL/],
  ['http://', /'http:\/\/' is not a URL/],
  ['http://a:8500/v1', /'http:\/\/a:8500\/v1' is not a URL/],
  ['ftp://a', /'ftp:\/\/a' is not a URL/],
] as const) {
  test(`refuses "${text}"`, () => {
    assert.throws(() => readAddresses(text), message)
    assert.match(checkAddresses(text).join(), message)
  })
}

test('every mistake is told', () => {
  assert.deepEqual(checkAddresses('http://a,b,c'), ["'b' is not a URL", "'c' is not a URL"])
})
