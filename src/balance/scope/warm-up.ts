/**
 * Slow start for any policy: an endpoint that is new or has come back is passed over for a part of the picks, first 90 %, at
 * the end of the window none. Weights would do for some policies only, and would rebuild hash tables all the time. For
 * hash policies the part is one of the keys, so a key stays where it is but for one move. Endpoints that are there at the
 * first pick are not new: then everybody is. When all that is left is warming up, it is used as it is.
 */
import type { Endpoint, PickRequest } from '../contract.ts'
import { healthOf, isEligible, perSnapshot } from '../eligible.ts'
import { xxHash64 } from '../hash/xxhash64.ts'
import { type SlowStartOptions, slowStartFactor } from '../slow-start.ts'
import type { Narrowing } from './contract.ts'
import { whileSame } from './scoped.ts'

export function warmUp(curve: SlowStartOptions): Narrowing {
  return (inner) => (options) => {
    const { random, clock } = options
    if (clock === undefined) throw new RangeError('balance: slow start needs a clock')
    const policy = inner(options)
    const { windowS = 60 } = curve
    /** When an endpoint became usable, ms; -Infinity for those that were there at the start. */
    let since: Map<string, number> | undefined
    /** When the last of them will be warm, ms. */
    let warmAt = Number.NEGATIVE_INFINITY
    const sick = new Set<string>()
    const begin = (at: number) => {
      warmAt = Math.max(warmAt, at + windowS * 1000)
      return at
    }
    const noted = perSnapshot((endpoints) => {
      const now = since === undefined ? Number.NEGATIVE_INFINITY : clock.monotonic()
      const before = since
      since = new Map(endpoints.map(({ id }) => [id, before?.get(id) ?? begin(now)]))
      for (const id of sick) if (!since.has(id)) sick.delete(id)
      return since
    })
    const judged = whileSame((endpoints: readonly Endpoint[], healthy) => {
      for (const endpoint of endpoints) {
        if (!healthy(endpoint)) sick.add(endpoint.id)
        else if (sick.delete(endpoint.id)) since!.set(endpoint.id, begin(clock.monotonic()))
      }
    })
    const isWarm = (endpoint: Endpoint, { hashKey }: PickRequest): boolean => {
      const ageS = (clock.monotonic() - since!.get(endpoint.id)!) / 1000
      if (ageS >= windowS) return true
      return (hashKey ? drawnBy(hashKey, endpoint) : random()) < slowStartFactor(ageS, curve)
    }
    return {
      name: policy.name,
      pick(endpoints, request) {
        noted(endpoints)
        const healthy = healthOf(request)
        judged(endpoints, healthy)
        if (clock.monotonic() >= warmAt) return policy.pick(endpoints, request)
        const eligible = (endpoint: Endpoint) => isEligible(endpoint, request) && isWarm(endpoint, request)
        return policy.pick(endpoints, { ...request, healthy, eligible }) ?? policy.pick(endpoints, request)
      },
      outside: (endpoints, request) => policy.outside?.(endpoints, request) ?? new Map(),
      failed: (id) => policy.failed?.(id),
    }
  }
}

/** In [0, 1), the same for the same key and endpoint. */
function drawnBy(hashKey: string, { id }: Endpoint): number {
  return (xxHash64(`${id}\0${hashKey}`).hi >>> 0) / 2 ** 32
}
