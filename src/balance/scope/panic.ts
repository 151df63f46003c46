/**
 * Panic: when less than `percent` are healthy, health is ignored. Then more likely the judge errs than all of them, or the few
 * left would be run over by the load of all (Envoy's default is 50). Off unless asked for; why is said in `outlier.ts`.
 */
import type { Endpoint, PickRequest } from '../contract.ts'
import { healthOf, heedless } from '../eligible.ts'
import type { Narrowing } from './contract.ts'
import { whileSame } from './scoped.ts'

export function panic(percent: number): Narrowing {
  return (inner) => (options) => {
    const policy = inner(options)
    const isPanicking = whileSame((endpoints: readonly Endpoint[], healthy) => {
      return endpoints.filter(healthy).length * 100 < percent * endpoints.length
    })
    const judged = (endpoints: readonly Endpoint[], request: PickRequest) =>
      isPanicking(endpoints, healthOf(request)) ? heedless(request) : request
    return {
      name: policy.name,
      pick: (endpoints, request) => policy.pick(endpoints, judged(endpoints, request)),
      outside: (endpoints, request) => policy.outside?.(endpoints, judged(endpoints, request)) ?? new Map(),
      failed: (id) => policy.failed?.(id),
    }
  }
}
