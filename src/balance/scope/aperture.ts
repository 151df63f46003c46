/**
 * Deterministic subsetting: in a large fleet each caller keeps to a few endpoints, or every caller would hold a connection to
 * each. Two ways to choose them. With the caller's number, rounds of shuffled endpoints are dealt out, so that endpoints differ
 * by one caller at most within a round (Google's SRE book, ch. 20). With a name, the endpoints that rank highest for it (gRFC A68):
 * no numbering needed and a change moves one place, but the number of callers of an endpoint varies as chance does.
 * When nobody inside is eligible, all are.
 */
import { seeded, shuffled } from '../../core/random.ts'
import type { Endpoint } from '../contract.ts'
import { xxHash64 } from '../hash/xxhash64.ts'
import type { ApertureOptions } from '../scope-options.ts'
import type { ScopeFactory } from './contract.ts'

export function aperture({ size, client }: ApertureOptions): ScopeFactory {
  return ({ random }) => {
    const who = client ?? String(random())
    return {
      parts: (endpoints) => [
        {
          name: 'aperture',
          members: typeof who === 'number' ? dealt(endpoints, size, who) : ranked(endpoints, size, who),
        },
        { name: 'all', members: endpoints },
      ],
      asked: (parts) => parts.map((part) => ({ part })),
      shares: (parts) => parts.map((_, i) => (i === 0 ? 1 : 0)),
    }
  }
}

/** The hand of caller `client`: each round deals all endpoints anew, shuffled by its number. */
export function dealt(endpoints: readonly Endpoint[], size: number, client: number): Endpoint[] {
  const hands = Math.max(1, Math.floor(endpoints.length / size))
  const sorted = [...endpoints].sort((a, b) => (a.id < b.id ? -1 : 1))
  const deck = shuffled(sorted, seeded(Math.floor(client / hands)))
  const first = (client % hands) * size
  return deck.slice(first, first + size)
}

export function ranked(endpoints: readonly Endpoint[], size: number, client: string): Endpoint[] {
  const ranks = endpoints.map((endpoint) => ({ endpoint, rank: xxHash64(`${client}\0${endpoint.id}`).toBigInt() }))
  ranks.sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0))
  return ranks.slice(0, size).map(({ endpoint }) => endpoint)
}
