/** What the registry says of every instance it knows. */
import type { ConsulClient } from '../../discovery/consul-client.ts'
import type { Instance } from '../../discovery/contract.ts'
import { readInstances } from '../../discovery/health-answer.ts'
import { refusingIn } from '../../discovery/refusing.ts'

export interface RegisteredInstance extends Instance {
  /** Requests a second that it refuses, because it has more to do than it can. */
  readonly refusing: number
}

/** The registry's own entry, in Consul's catalogue. */
const OWN = 'consul'

/** All instances of all services. @throws SkeinError REGISTRY_UNAVAILABLE. */
export async function registeredInstances(consul: ConsulClient): Promise<RegisteredInstance[]> {
  const { body } = await consul.get('/v1/catalog/services')
  const names = Object.keys((body ?? {}) as object).filter((name) => name !== OWN)
  const lists = await Promise.all(
    names.map(async (name) => {
      const answer = await consul.get(`/v1/health/service/${encodeURIComponent(name)}`)
      const refusing = refusals(answer.body)
      return (readInstances(name, answer.body) ?? []).map((one) => ({ ...one, refusing: refusing.get(one.id) ?? 0 }))
    }),
  )
  return lists.flat()
}

/** Who refuses how much, by what instances say with their beats. */
function refusals(body: unknown): ReadonlyMap<string, number> {
  const entries = Array.isArray(body) ? (body as { readonly Checks?: readonly Check[] }[]) : []
  const checks = entries.flatMap(({ Checks }) => Checks ?? [])
  return new Map(
    checks.map(({ ServiceID, Output }) => [ServiceID, refusingIn(Output)] as const).filter(([, n]) => n > 0),
  )
}

interface Check {
  readonly ServiceID: string
  readonly Output: string
}
