/** Maglev's look-up table in Envoy's weighted form: the same endpoints give the same table in any order. */
import type { Endpoint } from '../contract.ts'
import { type TableKeeper, walkOwners } from './hash-policy.ts'
import { moduloOf, Word } from './word.ts'
import { xxHash64 } from './xxhash64.ts'

/** A prime more than a hundred times the number of endpoints keeps shares equal within 1 %. */
export const MAGLEV_SIZE = 65_537
/** Larger would exceed the exact arithmetic of `Word.modulo`, and 20 MiB. */
const SIZE_MAX = 5_000_011
/** Slots tried at random before the table is walked in order, which ends for certain. */
const RETRIES = 20

export const maglevTables: TableKeeper = () => {
  const hash = new Word()
  return (endpoints) => {
    const slots = maglevSlots(endpoints)
    return {
      find(key, admits) {
        if (slots.length === 0) return -1
        xxHash64(key, 0, hash)
        for (let retry = 0; retry < RETRIES; retry++) {
          const index = slots[slotOf(hash, retry, slots.length)]!
          if (admits === undefined || admits(endpoints[index]!)) return index
        }
        return walkOwners({ owners: slots }, slotOf(hash, 0, slots.length), endpoints, admits)
      },
    }
  }
}

/** Retry k looks at hash XOR (2⁶⁴ − k), as Envoy does. */
export function slotOf(hash: Word, retry: number, size: number): number {
  return moduloOf(retry === 0 ? hash.hi : ~hash.hi, hash.lo ^ -retry, size)
}

/** What the filling knows of an endpoint: its slots in order of wish are next, next + skip, … */
export interface Claim {
  readonly index: number
  readonly share: number
  readonly skip: number
  next: number
  target: number
}

/** @throws RangeError when `size` is not a prime up to 5,000,011. */
export function maglevSlots(endpoints: readonly Pick<Endpoint, 'key' | 'weight'>[], size = MAGLEV_SIZE): Uint32Array {
  if (!isPrime(size) || size > SIZE_MAX) {
    throw new RangeError(`Maglev table size ${size}: use a prime up to ${SIZE_MAX}, such as ${MAGLEV_SIZE}`)
  }
  return endpoints.length === 0 ? new Uint32Array(0) : fillSlots(claimsOf(endpoints, size), size)
}

/** Sorted by key, so that any order of the same endpoints gives the same table. */
function claimsOf(endpoints: readonly Pick<Endpoint, 'key' | 'weight'>[], size: number): Claim[] {
  const weights = endpoints.reduce((sum, { weight }) => sum + weight, 0)
  return endpoints
    .map(({ key, weight }, index) => ({ key, index, ...permutation(key, size), share: weight / weights, target: 0 }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}

/** Where an endpoint's permutation of the slots starts, and its step. */
export function permutation(key: string, size: number): { next: number; skip: number } {
  return { next: xxHash64(key, 0).modulo(size), skip: xxHash64(key, 1).modulo(size - 1) + 1 }
}

/**
 * The claims take turns; one of smaller weight is passed over until its turns match its share. Whose turn it is takes the
 * next free slot of its own permutation. By turn it is known who comes next, as to ask all with each turn would take seconds where
 * one of thousands is by far the heaviest.
 */
export function fillSlots(claims: readonly Claim[], size: number): Uint32Array {
  const slots = new Uint32Array(size).fill(claims.length)
  const largest = claims.reduce((max, { share }) => Math.max(max, share), 0)
  const later = new Map<number, number[]>()
  let soon = [...claims.keys()]
  let filled = 0
  for (let turn = 1; filled < size; turn++) {
    const late = later.get(turn)
    const places = late === undefined ? soon : [...soon, ...late].sort((a, b) => a - b)
    later.delete(turn)
    soon = []
    for (const place of places) {
      const claim = claims[place]!
      claim.target += largest
      while (slots[claim.next] !== claims.length) claim.next = (claim.next + claim.skip) % size
      slots[claim.next] = claim.index
      if (++filled === size) break
      const next = turnOf(claim, turn)
      const others = next === turn + 1 ? soon : later.get(next)
      if (others === undefined) later.set(next, [place])
      else others.push(place)
    }
  }
  return slots
}

/** The first after `turn` by which its share has come up to its target: found by division, which rounds otherwise than the definition's product. */
function turnOf({ share, target }: Claim, turn: number): number {
  let next = Math.max(turn + 1, Math.floor(target / share))
  while (next * share < target) next++
  return next
}

function isPrime(n: number): boolean {
  if (!Number.isInteger(n) || n < 2) return false
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}
