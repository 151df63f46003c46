/** A policy within a scope: one policy object for each part, asked in the scope's order. */
import type { Policy } from '../contract.ts'
import { healthOf, heedless, perSnapshot } from '../eligible.ts'
import type { Narrowing, Part, ScopeFactory } from './contract.ts'

export function scoped(make: ScopeFactory): Narrowing {
  return (inner) => (options) => {
    const scope = make(options)
    let policies = new Map<string, Policy>()
    const divided = perSnapshot((endpoints) => {
      const parts = scope.parts(endpoints)
      policies = new Map(parts.map(({ name }) => [name, policies.get(name) ?? inner(options)]))
      return parts
    })
    return {
      name: inner(options).name,
      pick<E extends Parameters<Policy['pick']>[0][number]>(
        endpoints: readonly E[],
        request: Parameters<Policy['pick']>[1],
      ) {
        for (const { part, panic } of scope.asked(divided(endpoints), healthOf(request))) {
          const picked = policies.get(part.name)!.pick(membersOf<E>(part), panic ? heedless(request) : request)
          if (picked !== undefined) return picked
        }
        return undefined
      },
      failed(id) {
        for (const policy of policies.values()) policy.failed?.(id)
      },
    }
  }
}

/** A part's members are of the list that it was made from. */
function membersOf<E>(part: Part): readonly E[] {
  return part.members as unknown as readonly E[]
}

/** The endpoints by what `nameOf` says of each, in order of first appearance. */
export function partsBy<E>(endpoints: readonly E[], nameOf: (endpoint: E) => string): { name: string; members: E[] }[] {
  return [...Map.groupBy(endpoints, nameOf)].map(([name, members]) => ({ name, members }))
}

/** Index of the share in which `drawn` falls when they are laid end to end; -1 beyond them. */
export function placeOf(drawn: number, shares: readonly number[]): number {
  let end = 0
  return shares.findIndex((share) => {
    end += share
    return drawn < end
  })
}
