import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seeded } from '../../core/random.ts'
import type { Endpoint } from '../contract.ts'
import { crc32 } from '../hash/crc32.ts'
import { envoyPoints, envoyTables } from '../hash/envoy-ring.ts'
import { ketamaPoints } from '../hash/ketama.ts'
import type { Points } from '../hash/ring.ts'
import { endpoint, endpoints, endpointsOf, type NamedServer, SEED, vectors } from '../kit.suite.ts'
import { envoyRingHash, ringHash } from './ring-hash.ts'

interface KetamaCase {
  readonly list: string
  readonly servers: NamedServer[]
  readonly ringSize: number
  readonly ringSha256: string
  readonly lookups: [string, number, string, string, number][]
  readonly distributionOf100000Keys: {
    readonly counts: Record<string, number>
    readonly removal: { removed: string; moved: number; movedBetweenSurvivors: number }[]
  }
}
interface EnvoyCase {
  readonly id: string
  readonly servers: NamedServer[]
  readonly minimumRingSize: number
  readonly maximumRingSize: number
  readonly ringSize: number
  readonly ringSha256: string
  readonly pointsPerServer: Record<string, number>
  readonly lookups?: [string, string, string, string, string][]
}

const ketama = vectors<{ cases: KetamaCase[] }>('ketama-nginx').cases
const envoy = vectors<{ cases: EnvoyCase[] }>('ring-hash-envoy').cases
const make = () => ringHash({ random: seeded(SEED) })

/** `hashOf` says how the halves of a hash are read. */
function ringSum(points: Points, list: readonly Endpoint[], hashOf: (hi: number, lo: number) => unknown): string {
  const { hi, lo, owners } = points
  const lines = Array.from(owners, (owner, i) => `${hashOf(hi[i]!, lo[i]!)}:${list[owner]!.key}\n`)
  return createHash('sha256').update(lines.join('')).digest('hex')
}

describe('ring hash', () => {
  for (const { list: name, servers, ringSize, ringSha256, lookups, distributionOf100000Keys } of ketama) {
    const list = endpointsOf(servers)

    it(`builds nginx's ring (${name} list)`, () => {
      const points = ketamaPoints(list)
      assert.equal(points.hi.length, ringSize)
      assert.equal(
        ringSum(points, list, (hash) => hash),
        ringSha256,
      )
    })

    it(`looks up as nginx does, and goes on clockwise (${name} list)`, () => {
      const policy = make()
      for (const [key, hash, first, next] of lookups.filter(([key]) => key !== '')) {
        assert.equal(crc32(key), hash)
        assert.equal(policy.pick(list, { hashKey: key })?.key, first)
        assert.equal(policy.pick(list, { hashKey: key, eligible: (one) => one.key !== first })?.key, next)
      }
    })

    it(`moves the keys of a removed endpoint only (${name} list)`, () => {
      const policy = make()
      const keys = Array.from({ length: 100_000 }, (_, i) => `k${i}`)
      const owners = keys.map((hashKey) => policy.pick(list, { hashKey })!.key)
      const counts = Object.fromEntries(servers.map((s) => [s.name, owners.filter((o) => o === s.name).length]))
      assert.deepEqual(counts, distributionOf100000Keys.counts)
      for (const { removed, moved } of distributionOf100000Keys.removal) {
        const left = list.filter(({ key }) => key !== removed)
        const changed = keys.flatMap((hashKey, i) => (policy.pick(left, { hashKey })!.key === owners[i] ? [] : [i]))
        assert.equal(changed.length, moved)
        assert.ok(changed.every((i) => owners[i] === removed))
      }
    })
  }

  it('sends the same key to the same place whether an endpoint is gone or only not eligible', () => {
    const property = fc.property(
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 6 }),
      (weights) => {
        const list = weights.map((weight, i) => endpoint(`10.0.0.${i}:80`, weight))
        const gone = list[0]!
        const left = list.slice(1)
        const [one, other] = [make(), make()]
        for (let i = 0; i < 50; i++) {
          const hashKey = `key ${i}`
          assert.equal(one.pick(list, { hashKey, eligible: (e) => e !== gone }), other.pick(left, { hashKey }))
        }
      },
    )
    fc.assert(property, { seed: SEED, numRuns: 50 })
  })

  it('chooses by P2C where there is no key, and by the next point where two share an address', () => {
    const list = endpoints(3)
    const policy = make()
    const seen = new Set(Array.from({ length: 100 }, () => policy.pick(list, { hashKey: '' })))
    assert.equal(seen.size, 3)
    const twins = [endpoint('a:1'), { ...endpoint('a:1'), id: 'twin' }]
    assert.equal(ketamaPoints(twins).hi.length, 160)
    assert.equal(make().pick(twins, { hashKey: 'k', eligible: ({ id }) => id === 'twin' }), twins[1])
  })

  it('keeps the ring within 2²¹ points when weights are large', () => {
    const list = Array.from({ length: 100 }, (_, i) => endpoint(`10.0.0.${i}:80`, 1000))
    const { length } = ketamaPoints(list).hi
    assert.ok(length > 1_900_000 && length <= 2 ** 21, `${length} points`)
  })

  it('builds the ring once per list', () => {
    let read = 0
    const counted = new Proxy(endpoints(3), {
      get: (target, key) => {
        if (key === 'map') read++
        return Reflect.get(target, key)
      },
    })
    const policy = make()
    for (let i = 0; i < 50; i++) policy.pick(counted, { hashKey: `k${i}` })
    assert.equal(read, 1)
  })
})

describe("Envoy's ring", () => {
  for (const { id, servers, minimumRingSize, maximumRingSize, ...expected } of envoy) {
    it(`is built and read as Envoy does: ${id}`, () => {
      const list = endpointsOf(servers)
      const options = { minimumRingSize, maximumRingSize }
      const points = envoyPoints(list, options)
      assert.equal(points.hi.length, expected.ringSize)
      for (const [index, { key }] of list.entries()) {
        assert.equal(points.owners.filter((owner) => owner === index).length, expected.pointsPerServer[key])
      }
      assert.equal(
        ringSum(points, list, (hi, lo) => (BigInt(hi) << 32n) | BigInt(lo)),
        expected.ringSha256,
      )
      const policy = envoyRingHash({ random: seeded(SEED), ...options })
      for (const [key, , server] of expected.lookups ?? []) {
        if (key !== '') assert.equal(policy.pick(list, { hashKey: key })?.key, server)
      }
    })
  }

  it('retries point by point, as Envoy does, where the next one differs', () => {
    for (const { servers, minimumRingSize, lookups } of envoy) {
      const list = endpointsOf(servers)
      const table = envoyTables({ minimumRingSize })()(list)
      for (const [key, , first, retry1] of lookups ?? []) {
        if (retry1 !== first) assert.equal(list[table.find(key, (one) => one.key !== first)]?.key, retry1)
      }
    }
  })

  it('refuses a minimum above the maximum', () => {
    assert.throws(() => envoyPoints(endpoints(2), { minimumRingSize: 10, maximumRingSize: 9 }), RangeError)
  })
})
