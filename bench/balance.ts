/**
 * What one pick costs: `node bench/balance.ts [picks]` prints ns per pick for each policy over 10, 1,000 and 10,000 endpoints,
 * and the ms that the first pick takes (building the table). Every tenth endpoint is not eligible; half of all keys repeat.
 */
import { type Endpoint, LOADS, POLICIES, type Policy } from '../src/balance/index.ts'
import { systemClock } from '../src/core/clock.ts'
import { seeded } from '../src/core/random.ts'

const SIZES = [10, 1_000, 10_000]
/** Time for each cell, ms, if no count is given. */
const CELL_MS = 100
const SEED = 1

function endpoints(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, i) => {
    const load = LOADS['peak-ewma']({ clock: systemClock })
    load.end(1 + (i % 50))
    const name = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:8080`
    return { id: name, key: name, weight: 1 + (i % 3), load }
  })
}

interface Cell {
  readonly buildMs: number
  readonly pickNs: number
}

function measure(policy: Policy, list: readonly Endpoint[], picks: number | undefined): Cell {
  const out = new Set(list.filter((_, i) => i % 10 === 9))
  const eligible = (endpoint: Endpoint) => !out.has(endpoint)
  const pick = (i: number) => policy.pick(list, { hashKey: `user-${i & 1 ? i : i & 1023}`, eligible })
  const begun = systemClock.monotonic()
  pick(0)
  const built = systemClock.monotonic()
  let done = 0
  let now = built
  while (picks === undefined ? now - built < CELL_MS : done < picks) {
    for (let i = 0; i < 16; i++) pick(done++)
    now = systemClock.monotonic()
  }
  return { buildMs: built - begun, pickNs: ((now - built) * 1e6) / done }
}

function main(): void {
  const picks = process.argv[2] === undefined ? undefined : Number(process.argv[2])
  console.log(`ns per pick (ms of the first pick), Node ${process.versions.node}`)
  console.log(['policy'.padEnd(22), ...SIZES.map((size) => `${size}`.padStart(20))].join(''))
  for (const [name, factory] of Object.entries(POLICIES)) {
    const cells = SIZES.map((size) => {
      const { pickNs, buildMs } = measure(factory({ random: seeded(SEED) }), endpoints(size), picks)
      return `${Math.round(pickNs)} (${buildMs.toFixed(1)})`.padStart(20)
    })
    console.log([name.padEnd(22), ...cells].join(''))
  }
}

main()
