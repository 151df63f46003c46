/**
 * Weighted rendezvous (highest random weight): every endpoint draws a number from key and name, score -weight / ln(u), the
 * highest wins. Exact shares, no table, and an endpoint that leaves moves its own keys only; O(n), so for some hundreds.
 * The draw is Envoy's: xxHash64 of the key XOR that of the name, then mixed (xorshift64*). Without the mixing, names that
 * differ in the last character would differ in a few bits only and get a quarter or four times their share.
 * Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998.
 */
import type { Endpoint, PolicyFactory } from '../contract.ts'
import { type HashTable, hashPolicy } from '../hash/hash-policy.ts'
import { Word } from '../hash/word.ts'
import { xxHash64 } from '../hash/xxhash64.ts'

export const rendezvous: PolicyFactory = (options) => hashPolicy('rendezvous', options, rendezvousTable)

function rendezvousTable(endpoints: readonly Endpoint[]): HashTable {
  const names = endpoints.map(({ key }) => xxHash64(key))
  return {
    find(key, accept) {
      const keyHash = xxHash64(key)
      let best = -1
      let bestScore = Number.NEGATIVE_INFINITY
      for (let index = 0; index < names.length; index++) {
        const score = -endpoints[index]!.weight / Math.log(draw(keyHash, names[index]!))
        if (score > bestScore && accept(index)) {
          best = index
          bestScore = score
        }
      }
      return best
    },
  }
}

const MULTIPLIER = new Word(0x2545f491, 0x4f6cdd1d)
const mixed = new Word()

/** In [0, 1); 0 scores 0, the lowest there is. */
function draw(key: Word, name: Word): number {
  mixed.set(key.hi ^ name.hi, key.lo ^ name.lo)
  mixed.xorShiftRight(12)
  mixed.xorShiftLeft(25)
  mixed.xorShiftRight(27)
  mixed.multiply(MULTIPLIER)
  return ((mixed.hi & 0x1f_ffff) * 2 ** 32 + (mixed.lo >>> 0)) / 2 ** 53
}
