/** The flags of `consul agent`. Of those not in this table each is warned about by name. */
import type { Flag } from '../contract.ts'

const harmless = { kind: 'text', description: 'Accepted; true of Skein whatever it says.' } as const satisfies Flag
const ignored = (reason: string) => ({ kind: 'text', description: '', ignored: reason }) as const satisfies Flag
const list = (reason: string) => ({ kind: 'list', description: '', ignored: reason }) as const satisfies Flag

const CLUSTER = 'there is one registry and nothing to join'

export const AGENT_FLAGS = {
  dev: { kind: 'switch', description: 'Keep everything in memory: it is gone with the process.' },
  'data-dir': { kind: 'text', description: 'Folder of the database. Needed without -dev.' },
  'config-file': { kind: 'list', description: 'A configuration file in HCL or JSON, or a folder. May be repeated.' },
  'config-dir': {
    kind: 'list',
    description: 'A folder whose .hcl and .json files are read in order. May be repeated.',
  },
  'config-format': { kind: 'text', description: 'hcl or json: for files whose name does not say.' },
  hcl: { kind: 'list', description: 'Configuration on the command line, in HCL or JSON. May be repeated.' },
  node: { kind: 'text', description: 'Name of the node. Default: the host name.' },
  datacenter: { kind: 'text', description: 'Name of the datacenter. Default: dc1.' },
  domain: { kind: 'text', description: 'Domain of the DNS interface. Default: consul.' },
  client: {
    kind: 'text',
    description: 'Address that HTTP and DNS listen on. Default: 127.0.0.1; others want a token or ACLs.',
  },
  'allow-host': {
    kind: 'list',
    description: 'A name by which the agent may be asked, of a proxy say. May be repeated.',
  },
  unprotected: {
    kind: 'switch',
    description: 'Serve beyond loopback although everybody there may change every service.',
  },
  'http-port': { kind: 'port', description: 'Default: 8500; 0 = any free one.' },
  'dns-port': { kind: 'port', description: 'Default: 8600; 0 = any free one, -1 = no DNS.' },
  'log-level': { kind: 'text', description: 'trace, debug, info, warn or err. Default: info.' },
  'pid-file': { kind: 'text', description: 'Written when the agent serves, removed when it ends.' },
  server: { kind: 'switch', description: 'Accepted: it always is one.' },
  bootstrap: { kind: 'switch', description: 'Accepted: it always is the first.' },
  'bootstrap-expect': { kind: 'count', description: 'Accepted; more than 1 is warned about.' },
  bind: harmless,
  'log-json': { kind: 'switch', description: 'Accepted: it is, unless a terminal shows it.' },
  'disable-host-node-id': { kind: 'switch', description: 'Accepted: the ID is random.' },
  'raft-protocol': harmless,
  protocol: harmless,
  'server-port': harmless,
  'serf-lan-port': harmless,
  'serf-wan-port': harmless,
  'grpc-port': harmless,
  'grpc-tls-port': harmless,
  rejoin: { kind: 'switch', description: 'Accepted: there is nothing to join.' },
  'https-port': { kind: 'port', description: 'Only -1: TLS is not served.' },
  advertise: ignored('services are found at the addresses that they register'),
  'node-id': ignored('the ID is made once and kept with the data'),
  'node-meta': list('the node has no metadata of its own'),
  ui: { kind: 'switch', description: '', ignored: "Consul's web pages are not served" },
  join: list(CLUSTER),
  'retry-join': list(CLUSTER),
  encrypt: ignored('there is no gossip'),
  recursor: list('names outside the domain are refused'),
  'enable-script-checks': { kind: 'switch', description: '', ignored: 'scripts are never run' },
  'enable-local-script-checks': { kind: 'switch', description: '', ignored: 'scripts are never run' },
} as const
