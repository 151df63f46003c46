/** The registry's own node: the `consul` service, serfHealth, and the services that are registered through the agent API. */
import { randomUUID } from 'node:crypto'
import { CONSUL_VERSION } from './api/agent.ts'
import type { Register } from './state/commands.ts'
import type { State } from './state/state.ts'

/** Port that stands for Consul's server port; nothing listens there. */
export const SERVER_PORT = 8300

/** Default name of the node that registries on one store share: their host names differ. */
export const SHARED_NODE = 'skein'

export interface WantedNode {
  readonly name: string | undefined
  readonly fallback: string
  readonly address: string
  /** Several registries stand for one node: the first one's name and address stay, or each start would change them. */
  readonly shared: boolean
}

/**
 * What to register at start. The node keeps the ID that the storage knows, and its name unless another is asked for: a
 * laptop that changes its host name with the network keeps its services.
 */
export function ownNode(state: State, wanted: WantedNode): Register {
  const known = [...state.nodes.values()].find((node) => node.own === true)
  const name = wanted.shared ? known?.Node : wanted.name
  const address = wanted.shared ? (known?.Address ?? wanted.address) : wanted.address
  return {
    type: 'register',
    node: {
      Node: name ?? wanted.name ?? known?.Node ?? wanted.fallback,
      ID: known?.ID ?? randomUUID(),
      Address: address,
      TaggedAddresses: { lan: address, lan_ipv4: address, wan: address, wan_ipv4: address },
      Meta: { 'consul-network-segment': '', 'consul-version': CONSUL_VERSION },
      own: true,
    },
    skipNodeUpdate: false,
    service: {
      ID: 'consul',
      Service: 'consul',
      Tags: [],
      Address: '',
      Meta: { version: CONSUL_VERSION },
      Port: SERVER_PORT,
      Weights: { Passing: 1, Warning: 1 },
      EnableTagOverride: false,
    },
    checks: [
      {
        CheckID: 'serfHealth',
        Name: 'Serf Health Status',
        Status: 'passing',
        Notes: '',
        Output: 'Agent alive and reachable',
        ServiceID: '',
        Type: '',
        Interval: '',
        Timeout: '',
        Definition: {},
      },
    ],
    keepStatus: false,
    replaceChecks: false,
  }
}
