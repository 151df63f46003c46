/** /v1/operator: one server that leads and is well, or there would be no answer. */
import { CONSUL_VERSION } from './agent.ts'
import { type Endpoint, type Handler, json, type Registry } from './endpoint.ts'

export const OPERATOR: readonly Endpoint[] = [
  { path: '/v1/operator/raft/configuration', GET: forOperators(configuration) },
  { path: '/v1/operator/autopilot/health', GET: forOperators(health) },
]

function forOperators(show: (registry: Registry) => object): Handler {
  return ({ rights }, registry) => {
    rights.require('operator', 'read')
    return json(show(registry))
  }
}

const idOf = ({ store, node }: Registry) => store.state.nodes.get(node)!.ID

function configuration(registry: Registry) {
  const { node, leader } = registry
  const server = { ID: idOf(registry), Node: node, Address: leader, Leader: true, ProtocolVersion: '3', Voter: true }
  return { Servers: [server], Index: 0 }
}

function health(registry: Registry) {
  const { node, leader, store, startedAt } = registry
  const server = {
    ID: idOf(registry),
    Name: node,
    Address: leader,
    SerfStatus: 'alive',
    Version: CONSUL_VERSION,
    Leader: true,
    LastContact: '0s',
    LastTerm: 1,
    LastIndex: store.state.index,
    Healthy: true,
    Voter: true,
    StableSince: `${new Date(startedAt).toISOString().slice(0, 19)}Z`,
  }
  return { Healthy: true, FailureTolerance: 0, Servers: [server] }
}
