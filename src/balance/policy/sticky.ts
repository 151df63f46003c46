/**
 * Sessions that stay where they are: the endpoint whose id the request names, as long as it may be chosen; any other request, and one
 * whose endpoint has gone, is the inner policy's. Who belongs where is not known here: the gateway reads it out of a cookie. An endpoint
 * of weight 0 keeps the sessions that it has and gets no new ones.
 */
import type { Endpoint, PolicyFactory } from '../contract.ts'
import { isEligible, perSnapshot } from '../eligible.ts'

export function sticky(inner: PolicyFactory): PolicyFactory {
  return (options) => {
    const policy = inner(options)
    const byId = perSnapshot((endpoints) => new Map(endpoints.map((endpoint, index) => [endpoint.id, index])))
    const open = perSnapshot((endpoints) => (endpoints.every(takesNew) ? endpoints : endpoints.filter(takesNew)))
    return {
      name: 'sticky',
      pick<E extends Endpoint>(endpoints: readonly E[], request: Parameters<typeof policy.pick>[1]): E | undefined {
        const index = request.hashKey === undefined ? undefined : byId(endpoints).get(request.hashKey)
        const own = index === undefined ? undefined : endpoints[index]!
        if (own !== undefined && isEligible(own, request)) return own
        return policy.pick(open(endpoints) as readonly E[], request)
      },
      failed: (id) => policy.failed?.(id),
    }
  }
}

function takesNew({ weight }: Endpoint): boolean {
  return weight > 0
}
