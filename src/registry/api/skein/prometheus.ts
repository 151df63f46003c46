/**
 * GET /v1/skein/prometheus?service=&tag=: targets for Prometheus' http_sd_configs, with the labels of its
 * consul_sd_configs, so that relabelling rules stay as they are. For builds without Consul discovery (Debian's), and one
 * request in place of a watch for each service. Left out: instances without a port, and the registry's own entry
 * `consul`, where nothing listens. Always a whole list with status 200: on an error Prometheus keeps the last one.
 * Where the registry has a token, `authorization` needs `type: Bearer` said: 2.42 sends the token bare without it.
 */
import { authority } from '../../../core/authority.ts'
import { Sight } from '../../acl/sight.ts'
import type { ServiceRecord } from '../../state/records.ts'
import { aggregate } from '../agent-health.ts'
import { type Answer, type ApiRequest, json, type Registry } from '../endpoint.ts'
import { checksOf, type Found, order, selectInstances } from '../select.ts'

interface TargetGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

export async function prometheus({ query, rights }: ApiRequest, registry: Registry): Promise<Answer> {
  const { store } = registry
  await store.catchUp()
  const asked = query.all('service').filter((name) => name !== '')
  const names = asked.length > 0 ? new Set(asked) : store.state.instances.names()
  const sight = new Sight(rights)
  const found = [...names].sort(order).flatMap((name) => selectInstances(registry, name, query, sight))
  return json(found.filter(({ service }) => isTarget(service)).map((one) => targetGroup(registry, one)))
}

function isTarget({ Port, ID, Service }: ServiceRecord): boolean {
  return Port !== 0 && !(ID === 'consul' && Service === 'consul')
}

function targetGroup({ store, datacenter }: Registry, found: Found): TargetGroup {
  const { node, service } = found
  return {
    targets: [authority(service.Address || node.Address, service.Port)],
    labels: {
      __meta_consul_address: node.Address,
      __meta_consul_dc: datacenter,
      __meta_consul_health: aggregate(checksOf(store.state, found)),
      __meta_consul_node: node.Node,
      __meta_consul_service: service.Service,
      __meta_consul_service_address: service.Address,
      __meta_consul_service_id: service.ID,
      __meta_consul_service_port: String(service.Port),
      // Commas around it too: a rule finds a tag as `,tag,` wherever it stands.
      __meta_consul_tags: `,${service.Tags.join(',')},`,
      ...labelled('metadata', node.Meta),
      ...labelled('service_metadata', service.Meta),
      ...labelled('tagged_address', node.TaggedAddresses),
    },
  }
}

/** One label for each entry, with what a label name may not hold replaced, as Prometheus does it. */
function labelled(kind: string, map: Readonly<Record<string, string>> | null): Record<string, string> {
  const entries = Object.entries(map ?? {})
  return Object.fromEntries(
    entries.map(([key, value]) => [`__meta_consul_${kind}_${key.replaceAll(/[^A-Za-z0-9_]/g, '_')}`, value]),
  )
}
