/** A policy within a scope: one policy object for each part, asked in the scope's order. */
import type { Policy } from '../contract.ts'
import { healthOf, heedless, perSnapshot } from '../eligible.ts'
import type { IsHealthy, Narrowing, Part, ScopeFactory } from './contract.ts'

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
      outside(endpoints, request) {
        const parts = divided(endpoints)
        const healthy = healthOf(request)
        const shares = scope.shares(parts, healthy)
        const inside = parts.filter((_, i) => shares[i]! > 0)
        const out = new Map<string, string>()
        // With nobody healthy inside, the others are asked as well.
        if (!inside.some(({ members }) => members.some(healthy))) return out
        const why = `outside ${inside.map(({ name }) => name).join(', ')}`
        for (const { id } of endpoints) out.set(id, why)
        for (const { name, members } of inside) {
          const further = policies.get(name)!.outside?.(members, request)
          for (const { id } of members) {
            const reason = further?.get(id)
            if (reason === undefined) out.delete(id)
            else out.set(id, reason)
          }
        }
        return out
      },
      failed(id) {
        for (const policy of policies.values()) policy.failed?.(id)
      },
    }
  }
}

/** What depends on nothing but the parts and who is healthy: found out anew only when another snapshot comes, or another function. */
export function whileSame<P, T>(compute: (parts: P, healthy: IsHealthy) => T): (parts: P, healthy: IsHealthy) => T {
  let known: P | undefined
  let judge: IsHealthy | undefined
  let found!: T
  return (parts, healthy) => {
    if (parts === known && healthy === judge) return found
    found = compute(parts, healthy)
    known = parts
    judge = healthy
    return found
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

/** What is said of a zone; 0 where nothing is, whatever an instance calls its zone (`constructor`). */
export function ownOf(numbers: Readonly<Record<string, number>>, name: string): number {
  return Object.hasOwn(numbers, name) ? numbers[name]! : 0
}
