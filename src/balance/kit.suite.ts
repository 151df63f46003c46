/** What the tests of balancing share: endpoints with a fixed load, the reference vectors, a seed. */
import { readFileSync } from 'node:fs'
import type { Endpoint, Load } from './contract.ts'
import { inFlight } from './load/in-flight.ts'

/** Of all random tests here: fixed, so that limits of 5 sigma never cry wolf in a build; SKEIN_SEED sets another. */
export const SEED = Number(process.env['SKEIN_SEED'] ?? 1)
console.log(`SKEIN_SEED=${SEED}`)

/** An endpoint whose id and key are `name`. */
export function endpoint(name: string, weight = 1, load: Load = inFlight()): Endpoint {
  return { id: name, key: name, weight, load }
}

/** `count` endpoints `10.0.x.y:80`. */
export function endpoints(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, i) => endpoint(`10.0.${i >> 8}.${i & 255}:80`))
}

/** A load that always costs `cost`; `read` is called at each reading. */
export function fixedLoad(cost: number, read?: () => void): Load {
  return {
    inFlight: 0,
    cost() {
      read?.()
      return cost
    },
    begin() {},
    end() {},
    forget() {},
  }
}

/** How often `pick` gives each id. */
export function countPicks(times: number, pick: () => Endpoint | undefined): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i < times; i++) {
    const id = pick()?.id ?? 'none'
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

/** Five standard deviations of a count that has `share` of `draws` on average. */
export function fiveSigma(draws: number, share: number): number {
  return 5 * Math.sqrt(draws * share * (1 - share))
}

/** The file `name` of the reference vectors; each says in `howToUse` and `definition` what its rows mean. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../test/vectors/${name}.json`, import.meta.url), 'utf8')) as T
}

export interface NamedServer {
  readonly name: string
  readonly weight: number
}

export function endpointsOf(servers: readonly NamedServer[]): Endpoint[] {
  return servers.map(({ name, weight }) => endpoint(name, weight))
}
