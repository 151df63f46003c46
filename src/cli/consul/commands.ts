/** The sub-commands that Skein offers, and the ones that it does not, with the reason. Each is loaded when it is run. */
import type { ConsulCommand } from './contract.ts'

export interface ConsulEntry {
  /** One to three words: `kv get`, `acl token list`. */
  readonly name: string
  readonly summary: string
  load(): Promise<{ readonly default: ConsulCommand }>
}

export const CONSUL_COMMANDS: readonly ConsulEntry[] = [
  entry('acl bootstrap', 'make the first token', () => import('./command/acl-bootstrap.ts')),
  entry('acl policy create', 'make a policy', () => import('./command/acl-policy-create.ts')),
  entry('acl policy delete', 'delete a policy', () => import('./command/acl-policy-delete.ts')),
  entry('acl policy list', 'list the policies', () => import('./command/acl-policy-list.ts')),
  entry('acl policy read', 'show a policy', () => import('./command/acl-policy-read.ts')),
  entry('acl policy update', 'change a policy', () => import('./command/acl-policy-update.ts')),
  entry('acl role create', 'make a role', () => import('./command/acl-role-create.ts')),
  entry('acl role delete', 'delete a role', () => import('./command/acl-role-delete.ts')),
  entry('acl role list', 'list the roles', () => import('./command/acl-role-list.ts')),
  entry('acl role read', 'show a role', () => import('./command/acl-role-read.ts')),
  entry('acl role update', 'change a role', () => import('./command/acl-role-update.ts')),
  entry('acl set-agent-token', 'set a token that the agent uses', () => import('./command/acl-set-agent-token.ts')),
  entry('acl token clone', 'make a token like another', () => import('./command/acl-token-clone.ts')),
  entry('acl token create', 'make a token', () => import('./command/acl-token-create.ts')),
  entry('acl token delete', 'delete a token', () => import('./command/acl-token-delete.ts')),
  entry('acl token list', 'list the tokens', () => import('./command/acl-token-list.ts')),
  entry('acl token read', 'show a token', () => import('./command/acl-token-read.ts')),
  entry('acl token update', 'change a token', () => import('./command/acl-token-update.ts')),
  entry('agent', 'run a registry with the flags and files of a Consul agent', () => import('./command/agent.ts')),
  entry('catalog datacenters', 'list the datacenters', () => import('./command/catalog-datacenters.ts')),
  entry('catalog nodes', 'list the nodes', () => import('./command/catalog-nodes.ts')),
  entry('catalog services', 'list the services', () => import('./command/catalog-services.ts')),
  entry('event', 'fire an event', () => import('./command/event.ts')),
  entry('force-leave', 'take a member for left', () => import('./command/force-leave.ts')),
  entry('info', 'show what the agent tells of itself', () => import('./command/info.ts')),
  entry('kv delete', 'remove a key, or all under a prefix', () => import('./command/kv-delete.ts')),
  entry('kv export', 'write keys as JSON', () => import('./command/kv-export.ts')),
  entry('kv get', 'show a key, or all under a prefix', () => import('./command/kv-get.ts')),
  entry('kv import', 'read keys from JSON', () => import('./command/kv-import.ts')),
  entry('kv put', 'write a key', () => import('./command/kv-put.ts')),
  entry('leave', 'make the agent leave and end', () => import('./command/leave.ts')),
  entry('lock', 'hold a lock, or a place in a semaphore, while a program runs', () => import('./command/lock.ts')),
  entry('maint', 'put a service or the node under maintenance', () => import('./command/maint.ts')),
  entry('members', 'list the members', () => import('./command/members.ts')),
  entry('reload', 'make the agent read its files again', () => import('./command/reload.ts')),
  entry('services deregister', 'remove services', () => import('./command/services-deregister.ts')),
  entry('services register', 'register services', () => import('./command/services-register.ts')),
  entry('validate', 'check configuration files', () => import('./command/validate.ts')),
  entry('version', 'show the version', () => import('./command/version.ts')),
  entry('watch', 'show, or hand to a program, what changes', () => import('./command/watch.ts')),
]

const MESH = 'there is no service mesh'
const ONE_SERVER = 'there is one registry and no cluster of servers'

/** Consul's other commands. */
export const ABSENT_COMMANDS: Readonly<Record<string, string>> = {
  config: MESH,
  connect: MESH,
  debug: 'look at the log of the agent and at /metrics of its port',
  exec: 'programs are never run on request of the network',
  intention: MESH,
  join: ONE_SERVER,
  keygen: 'there is no gossip to encrypt',
  keyring: 'there is no gossip to encrypt',
  login: 'there are no auth methods: make a token with acl token create',
  logout: 'there are no auth methods',
  monitor: 'the agent writes its log to standard output',
  operator: ONE_SERVER,
  peering: 'there is one datacenter',
  resource: MESH,
  rtt: ONE_SERVER,
  snapshot: 'copy data_dir of an agent that has ended',
  tls: 'TLS is not served: put a proxy in front',
  troubleshoot: MESH,
}

function entry<C>(name: string, summary: string, load: () => Promise<{ readonly default: C }>): ConsulEntry {
  // A command's `run` wants its own flags; the parser has filled them in by the command's own table.
  return { name, summary, load: load as ConsulEntry['load'] }
}
