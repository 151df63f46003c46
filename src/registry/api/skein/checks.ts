/**
 * GET /v1/skein/checks: how the registry looks after its own node's services, in the spelling of agent/check/register. Consul's
 * API never says it; without it a registry could not be copied (skein registry export).
 */
import { Sight } from '../../acl/sight.ts'
import type { CheckDefinition } from '../../state/records.ts'
import { formatDuration } from '../duration.ts'
import { type Answer, type ApiRequest, json, type Registry } from '../endpoint.ts'
import { checkCommon, filteredHeader } from '../read.ts'
import { byCheckId } from '../select.ts'

/** Field of the API → field of the record. */
const FIELDS: readonly (readonly [string, keyof CheckDefinition])[] = [
  ['TTL', 'ttlMs'],
  ['HTTP', 'http'],
  ['Method', 'method'],
  ['Header', 'header'],
  ['Body', 'body'],
  ['DisableRedirects', 'disableRedirects'],
  ['TCP', 'tcp'],
  ['TCPUseTLS', 'tcpUseTls'],
  ['GRPC', 'grpc'],
  ['GRPCUseTLS', 'grpcUseTls'],
  ['H2PING', 'h2ping'],
  ['H2PingUseTLS', 'h2pingUseTls'],
  ['UDP', 'udp'],
  ['AliasNode', 'aliasNode'],
  ['AliasService', 'aliasService'],
  ['TLSServerName', 'tlsServerName'],
  ['TLSSkipVerify', 'tlsSkipVerify'],
  ['Interval', 'intervalMs'],
  ['Timeout', 'timeoutMs'],
  ['SuccessBeforePassing', 'successBeforePassing'],
  ['FailuresBeforeWarning', 'failuresBeforeWarning'],
  ['FailuresBeforeCritical', 'failuresBeforeCritical'],
  ['DeregisterCriticalServiceAfter', 'deregisterAfterMs'],
  ['OutputMaxSize', 'outputMaxSize'],
]

export async function checks(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const { store, node } = registry
  await store.catchUp()
  const sight = new Sight(request.rights)
  const found = [...store.state.checksOnNode.get(node).values()].filter(({ definition }) => definition !== undefined)
  const seen = found.filter(({ ServiceName, Node }) =>
    ServiceName === '' ? sight.node(Node) : sight.service(ServiceName),
  )
  const shown = seen.sort(byCheckId).map(({ CheckID, ServiceID, definition = {} }) => {
    return { CheckID, ServiceID, Definition: showDefinition(definition) }
  })
  return json(shown, 200, filteredHeader(request, sight.isPartial))
}

function showDefinition(definition: CheckDefinition): Record<string, unknown> {
  const given = FIELDS.filter(([, field]) => definition[field] !== undefined)
  return Object.fromEntries(given.map(([name, field]) => [name, shown(field, definition[field])]))
}

const shown = (field: string, value: unknown) => (field.endsWith('Ms') ? formatDuration(Number(value)) : value)
