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

const rendezvousTables: TableKeeper = () => (endpoints) => {
  const names = endpoints.map(({ key }) => xxHash64(key))
  /** Of equal weights the highest number has the highest score, and the logarithm costs as much as all the rest. */
  const alike = endpoints.every(({ weight }) => weight === endpoints[0]!.weight)
  return {
    find(key, admits) {
      const keyHash = xxHash64(key)
      let best = -1
      let bestScore = Number.NEGATIVE_INFINITY
      for (let index = 0; index < names.length; index++) {
        const drawn = draw(keyHash, names[index]!)
        const score = alike ? drawn : -endpoints[index]!.weight / Math.log(drawn)
        if (score > bestScore && (admits === undefined || admits(endpoints[index]!))) {
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
