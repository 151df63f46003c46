/**
 * Weighted rendezvous (highest random weight): every endpoint draws a number from key and name, score -weight / ln(u), the
 * highest wins. Exact shares, no table, and an endpoint that leaves moves its own keys only; O(n), so for some hundreds.
 * The draw is Envoy's: xxHash64 of the key XOR that of the name, then mixed (xorshift64*). Without the mixing, names that
 * differ in the last character would differ in a few bits only and get a quarter or four times their share.
 * Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998.
 */
import type { PolicyFactory } from '../contract.ts'
import { hashPolicy, type TableKeeper } from '../hash/hash-policy.ts'
import { Word } from '../hash/word.ts'
import { xxHash64 } from '../hash/xxhash64.ts'

export const rendezvous: PolicyFactory = (options) => hashPolicy('rendezvous', options, rendezvousTables)

/** Of equal weights the highest number has the highest score, so the logarithm is taken once for each weight and not for each endpoint. */
const rendezvousTables: TableKeeper = () => (endpoints) => {
  const names = endpoints.map(({ key }) => xxHash64(key))
  const byWeight = [...Map.groupBy(names.keys(), (index) => endpoints[index]!.weight)]
  const keyHash = new Word()
  return {
    find(key, admits) {
      xxHash64(key, 0, keyHash)
      let best = -1
      let bestScore = Number.NEGATIVE_INFINITY
      for (const [weight, indices] of byWeight) {
        let first = -1
        let highest = -1
        for (const index of indices) {
          const drawn = draw(keyHash, names[index]!)
          if (drawn <= highest || (admits !== undefined && !admits(endpoints[index]!))) continue
          first = index
          highest = drawn
        }
        const score = -weight / Math.log(highest)
        if (first < 0 || !(score > bestScore || (score === bestScore && first < best))) continue
        best = first
        bestScore = score
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
