/**
 * nginx's ip_hash: 6,271 buckets over the first three bytes of an IPv4 address or all 16 of an IPv6 one. For moving away from
 * an nginx without moving clients; otherwise hash `on: 'ip'`: here a /24 is one client, and a change of members moves most keys.
 * Source: nginx ngx_http_upstream_ip_hash_module.c.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { lowerBound, runningSums } from '../eligible.ts'
import type { TableKeeper } from './hash-policy.ts'

const BUCKETS = 6271
const START = 89
/** Hashes of the same bytes on top of each other before nginx goes over to round robin. */
const TRIES = 21

export const ipHashTables: TableKeeper = () => (endpoints) => {
  const ends = runningSums(endpoints)
  const weights = ends.at(-1) ?? 0
  return {
    find(key, admits) {
      const bytes = bytesOf(key)
      if (bytes === undefined || weights === 0) return -1
      let hash = START
      for (let attempt = 0; attempt < TRIES; attempt++) {
        for (const byte of bytes) hash = (hash * 113 + byte) % BUCKETS
        const index = lowerBound(ends, (hash % weights) + 1)
        if (admits === undefined || admits(endpoints[index]!)) return index
      }
      return -1
    },
  }
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
