import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seeded } from '../../core/random.ts'
import type { Endpoint } from '../contract.ts'
import { fillSlots, MAGLEV_SIZE, maglevSlots, permutation, slotOf } from '../hash/maglev-table.ts'
import { xxHash64 } from '../hash/xxhash64.ts'
import { endpoint, endpointsOf, type NamedServer, SEED, vectors } from '../kit.suite.ts'
import { maglev } from './maglev.ts'

interface Case {
  readonly id: string
  readonly servers: NamedServer[]
  readonly tableSize: number
  readonly entriesPerServer: Record<string, number>
  readonly offsetAndSkip?: Record<string, [number, number]>
  readonly table?: number[]
  readonly tableSha256?: string
  readonly lookups?: [string, string, string, string, string][]
  readonly removal?: { removed: string; entriesChanged: number; ofTheseNotOwnedByRemoved: number }
}
interface PaperExample {
  readonly servers: { name: string; offset: number; skip: number }[]
  readonly tableSize: number
  readonly table: string[]
  readonly removed: string
  readonly tableAfterRemoval: string[]
}

const { cases, paperExample, refuseTableSizes } = vectors<{
  cases: Case[]
  paperExample: PaperExample
  refuseTableSizes: number[]
}>('maglev')

function paperTable(servers: PaperExample['servers']): string[] {
  const claims = servers.map(({ offset, skip }, index) => ({ index, skip, next: offset, share: 1 / 3, target: 0 }))
  return Array.from(fillSlots(claims, paperExample.tableSize), (index) => servers[index]!.name)
}

/** Envoy's loop as it stands in maglev_lb.cc. */
function askedInTurn(list: readonly Endpoint[], size: number): Uint32Array {
  const sum = list.reduce((total, { weight }) => total + weight, 0)
  const largest = Math.max(...list.map(({ weight }) => weight / sum))
  const entries = list
    .map(({ key, weight }, index) => ({ key, index, ...permutation(key, size), share: weight / sum, target: 0 }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  const slots: (number | undefined)[] = Array(size).fill(undefined)
  for (let turn = 1; slots.includes(undefined); turn++) {
    for (const entry of entries) {
      if (turn * entry.share < entry.target || !slots.includes(undefined)) continue
      entry.target += largest
      while (slots[entry.next] !== undefined) entry.next = (entry.next + entry.skip) % size
      slots[entry.next] = entry.index
    }
  }
  return Uint32Array.from(slots as number[])
}

describe('maglev', () => {
  it("fills the paper's example", () => {
    const { servers, table, removed, tableAfterRemoval } = paperExample
    assert.deepEqual(paperTable(servers), table)
    assert.deepEqual(paperTable(servers.filter(({ name }) => name !== removed)), tableAfterRemoval)
  })

  it('gives turns as the definition does, which asks all whose turn it is', () => {
    const weights = fc.array(fc.constantFrom(1, 2, 3, 7, 100, 999, 65_534, 65_535), { minLength: 1, maxLength: 40 })
    const property = fc.property(weights, fc.constantFrom(7, 101, 1009), (given, size) => {
      const list = given.map((weight, i) => endpoint(`host-${i}:80`, weight))
      assert.deepEqual(maglevSlots(list, size), askedInTurn(list, size))
    })
    fc.assert(property, { seed: SEED })
  })

  it('fills the table beside one that is by far the heaviest', () => {
    const list = Array.from({ length: 10_000 }, (_, i) => endpoint(`host-${i}:80`, i === 0 ? 65_535 : 1))
    const counts = new Uint32Array(list.length)
    for (const index of maglevSlots(list)) counts[index]!++
    assert.deepEqual([counts[0], Math.min(...counts), Math.max(...counts.slice(1))], [MAGLEV_SIZE - 9_999, 1, 1])
  })

  it('refuses sizes that are no primes', () => {
    for (const size of [...refuseTableSizes, 2.5, Number.NaN]) assert.throws(() => maglevSlots([], size), RangeError)
  })

  for (const { id, servers, tableSize, ...expected } of cases) {
    const list = endpointsOf(servers)

    it(`builds Envoy's table: ${id}`, () => {
      for (const [key, [offset, skip]] of Object.entries(expected.offsetAndSkip ?? {})) {
        assert.deepEqual(permutation(key, tableSize), { next: offset, skip })
      }
      const slots = maglevSlots(list, tableSize)
      if (expected.table !== undefined) assert.deepEqual([...slots], expected.table)
      if (expected.tableSha256 !== undefined) {
        assert.equal(createHash('sha256').update(slots.join(',')).digest('hex'), expected.tableSha256)
      }
      const { min, max } = expected.entriesPerServer
      const counts = list.map((_, index) => slots.filter((owner) => owner === index).length)
      if (min === undefined)
        assert.deepEqual(
          counts,
          list.map(({ key }) => expected.entriesPerServer[key]),
        )
      else assert.deepEqual([Math.min(...counts), Math.max(...counts)], [min, max])
    })

    it(`looks up and retries as Envoy does: ${id}`, () => {
      const slots = maglevSlots(list, tableSize)
      for (const [key, , ...tries] of expected.lookups ?? []) {
        const hash = xxHash64(key)
        assert.deepEqual(
          tries.map((_, retry) => list[slots[slotOf(hash, retry, tableSize)]!]!.key),
          tries,
        )
      }
    })

    it(`does not depend on the order of the list, and disrupts as little as known: ${id}`, () => {
      const slots = maglevSlots(list, tableSize)
      const reversed = list.toReversed()
      assert.deepEqual(
        maglevSlots(reversed, tableSize).map((index) => list.length - 1 - index),
        slots,
      )
      if (expected.removal === undefined) return
      const gone = list.findIndex(({ key }) => key === expected.removal!.removed)
      const after = maglevSlots(list.toSpliced(gone, 1), tableSize).map((index) => (index < gone ? index : index + 1))
      const changed = [...slots.keys()].filter((slot) => slots[slot] !== after[slot])
      assert.equal(changed.length, expected.removal.entriesChanged)
      const disturbed = changed.filter((slot) => slots[slot] !== gone)
      assert.equal(disturbed.length, expected.removal.ofTheseNotOwnedByRemoved)
    })
  }

  it('chooses by the table, and an ineligible endpoint moves none but its own keys', () => {
    const { servers, lookups } = cases.find(({ tableSize, lookups }) => tableSize === MAGLEV_SIZE && lookups)!
    const list = endpointsOf(servers)
    const policy = maglev({ random: seeded(SEED) })
    for (const [hashKey, , first] of lookups!.filter(([key]) => key !== '')) {
      assert.equal(policy.pick(list, { hashKey })?.key, first)
      for (const out of list) {
        const chosen = policy.pick(list, { hashKey, eligible: (one) => one !== out })
        if (out.key !== first) assert.equal(chosen?.key, first)
        else assert.notEqual(chosen, out)
      }
    }
  })
})
