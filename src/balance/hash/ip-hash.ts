/**
 * nginx's ip_hash: 6,271 buckets over the first three bytes of an IPv4 address or all 16 of an IPv6 one. For moving away from
 * an nginx without moving clients; otherwise hash `on: 'ip'`: here a /24 is one client, and a change of members moves most keys.
 * Source: nginx ngx_http_upstream_ip_hash_module.c.
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { Endpoint } from '../contract.ts'
import type { HashTable } from './hash-policy.ts'

const BUCKETS = 6271
const START = 89
/** Hashes of the same bytes on top of each other before nginx goes over to round robin. */
const TRIES = 21

export function ipHashTable(endpoints: readonly Endpoint[]): HashTable {
  const owners = endpoints.map(({ weight }, index) => ({ index, weight }))
  const weights = owners.reduce((sum, { weight }) => sum + weight, 0)
  return {
    find(key, accept) {
      const bytes = bytesOf(key)
      if (bytes === undefined || weights === 0) return -1
      let hash = START
      for (let attempt = 0; attempt < TRIES; attempt++) {
        hash = bytes.reduce((sum, byte) => (sum * 113 + byte) % BUCKETS, hash)
        const index = ownerAt(owners, hash % weights)
        if (accept(index)) return index
      }
      return -1
    },
  }
}

function ownerAt(owners: readonly { readonly index: number; readonly weight: number }[], place: number): number {
  let left = place
  for (const { index, weight } of owners) {
    left -= weight
    if (left < 0) return index
  }
  return -1
}

/** What nginx hashes of an address; undefined for a text that is none. */
function bytesOf(address: string): readonly number[] | undefined {
  if (isIPv4(address)) return address.split('.').slice(0, 3).map(Number)
  return isIPv6(address) ? wordsOf(address).flatMap((word) => [word >> 8, word & 255]) : undefined
}

/** The eight 16-bit words; `::` stands for as many zeros as are missing, a dotted tail for two words. */
function wordsOf(address: string): number[] {
  const plain = address
    .replace(/%.*$/, '')
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => `${hex(a, b)}:${hex(c, d)}`)
  const [head = '', tail] = plain.split('::')
  const before = words(head)
  const after = words(tail ?? '')
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}

function words(text: string): number[] {
  return text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16))
}

function hex(high: string, low: string): string {
  return (Number(high) * 256 + Number(low)).toString(16)
}
