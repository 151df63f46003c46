import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seeded } from '../../core/random.ts'
import { endpointsOf, type NamedServer, SEED, vectors } from '../kit.suite.ts'
import { ipHash } from './ip-hash.ts'

type Row = readonly [address: string, server: string | null, whenDown: string | null]
const { cases } = vectors<{ cases: readonly { servers: readonly NamedServer[]; rows: readonly Row[] }[] }>(
  'ip-hash-nginx',
)

describe('ip-hash', () => {
  for (const { servers, rows } of cases) {
    it(`chooses as nginx does with weights ${servers.map(({ weight }) => weight)}`, () => {
      const list = endpointsOf(servers)
      const policy = ipHash({ random: seeded(SEED) })
      for (const [hashKey, server, next] of rows) {
        if (server !== null) assert.equal(policy.pick(list, { hashKey })?.key, server, hashKey)
        if (next === null) continue
        assert.equal(policy.pick(list, { hashKey, eligible: ({ key }) => key !== server })?.key, next, hashKey)
      }
    })
  }

  it('reads every form of an IPv6 address alike, and chooses by P2C for a text that is no address', () => {
    const list = endpointsOf(cases[0]!.servers)
    const policy = ipHash({ random: seeded(SEED) })
    const of = (hashKey: string) => policy.pick(list, { hashKey })
    assert.equal(of('2001:db8::1'), of('2001:0DB8:0:0:0:0:0:1'))
    assert.equal(of('::ffff:1.2.3.4'), of('::ffff:102:304'))
    assert.equal(of('fe80::1%eth0'), of('fe80::1'))
    assert.equal(new Set(Array.from({ length: 100 }, () => of('not an address'))).size, 3)
  })
})
