/**
 * Panic: when less than `percent` are healthy, health is ignored. Then more likely the judge errs than all of them, or the few
 * left would be run over by the load of all (Envoy's default is 50). Off unless asked for; why is said in `outlier.ts`.
 */
import { healthOf, heedless } from '../eligible.ts'
import type { Narrowing } from './contract.ts'

export function panic(percent: number): Narrowing {
  return (inner) => (options) => {
    const policy = inner(options)
    return {
      name: policy.name,
      pick(endpoints, request) {
        const healthy = endpoints.filter(healthOf(request)).length
        return policy.pick(endpoints, healthy * 100 < percent * endpoints.length ? heedless(request) : request)
      },
      outside: (endpoints, request) => policy.outside?.(endpoints, request) ?? new Map(),
      failed: (id) => policy.failed?.(id),
    }
  }
}
