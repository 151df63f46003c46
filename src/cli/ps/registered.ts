/** What the registry says of every instance it knows. */
import type { ConsulClient } from '../../discovery/consul-client.ts'
import type { Instance } from '../../discovery/contract.ts'
import { readInstances } from '../../discovery/health-answer.ts'

/** The registry's own entry, in Consul's catalogue. */
const OWN = 'consul'

/** All instances of all services. @throws SkeinError REGISTRY_UNAVAILABLE. */
export async function registeredInstances(consul: ConsulClient): Promise<Instance[]> {
  const { body } = await consul.get('/v1/catalog/services')
  const names = Object.keys((body ?? {}) as object).filter((name) => name !== OWN)
  const lists = await Promise.all(
    names.map(async (name) => {
      const answer = await consul.get(`/v1/health/service/${encodeURIComponent(name)}`)
      return readInstances(name, answer.body) ?? []
    }),
  )
  return lists.flat()
}
