/** Which addresses are let in, seen from outside: through a trusted proxy that says who asks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RouteRules } from './contract.ts'
import { echoBench } from './workbench.suite.ts'

const TRUSTED = { config: { trustedProxies: ['127.0.0.1'] } }

const CASES: readonly [what: string, RouteRules['addresses'], in_: readonly string[], out: readonly string[]][] = [
  ['allow', { allow: ['10.0.0.0/8'] }, ['10.0.0.1', '10.255.255.255'], ['11.0.0.1', '::1', '2001:db8::1']],
  ['deny', { deny: ['10.0.0.0/8', '2001:db8::/32'] }, ['11.0.0.1', '2001:db9::1'], ['10.0.0.1', '2001:db8:1::1']],
  ['deny before allow', { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, ['10.2.0.1'], ['10.1.0.1', '11.0.0.1']],
  ['IPv6', { allow: ['fd00::/8', '::1'] }, ['fd12:3456::1', '::1'], ['fe80::1', '10.0.0.1']],
  ['IPv4 in IPv6 is IPv4', { allow: ['10.0.0.0/8'] }, ['::ffff:10.0.0.1'], ['::ffff:11.0.0.1']],
  ['one address', { allow: ['192.0.2.7'] }, ['192.0.2.7'], ['192.0.2.8', '192.0.2.70']],
  ['an empty list lets nobody in', { allow: [] }, [], ['10.0.0.1', '127.0.0.1']],
]
for (const [what, addresses, welcome, refused] of CASES) {
  test(what, async (t) => {
    const { ask } = await echoBench(t, addresses === undefined ? {} : { addresses }, TRUSTED)
    const from = async (ip: string) => (await ask('/', { headers: { 'x-forwarded-for': ip } })).status
    for (const ip of welcome) assert.equal(await from(ip), 200, ip)
    for (const ip of refused) assert.equal(await from(ip), 403, ip)
  })
}

test('what an untrusted client says of its address does not count', async (t) => {
  const { ask, line } = await echoBench(t, { addresses: { allow: ['10.0.0.0/8'] } })
  const { status, headers, text } = await ask('/', { headers: { 'x-forwarded-for': '10.0.0.1' } })
  assert.deepEqual([status, headers['x-skein-error']], [403, 'FORBIDDEN'])
  assert.doesNotMatch(text, /10\.0/, 'the list is not told')
  assert.equal((await line())['reason'], 'address_denied')
})

test('a proxy between the client and a trusted one cannot lend its address', async (t) => {
  const { ask } = await echoBench(t, { addresses: { allow: ['10.0.0.0/8'] } }, TRUSTED)
  const chain = (addresses: string) => ask('/', { headers: { 'x-forwarded-for': addresses } })
  assert.equal((await chain('10.0.0.1, 6.6.6.6')).status, 403)
  assert.equal((await chain('6.6.6.6, 10.0.0.1')).status, 200)
})
