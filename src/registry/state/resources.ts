/** Names of what a query can depend on. A write says which it touched; a watcher says which it waits for. */
export const RESOURCE = {
  /** Nodes: added, changed, removed. */
  nodes: 'nodes',
  /** Definitions of services; not their health. */
  services: 'services',
  /** Any check. */
  checks: 'checks',
  /** The last instance of any service went. */
  extinction: 'extinction',
  /** Any key. */
  kv: 'kv',
  sessions: 'sessions',
  /** Prepared queries, not what they find. */
  queries: 'queries',
  /** Instances that may not register. */
  removed: 'removed',
  /** Tokens, policies and roles. */
  acl: 'acl',
  /** User events. They are no records: this one has no index. */
  events: 'events',
} as const

/** Everything about a service: instances, their checks, checks and address of the nodes that host it. */
export const serviceResource = (name: string) => `service:${name}`
/** A service's instances and their nodes, without health. */
export const instancesResource = (name: string) => `instances:${name}`
/** A node and the services on it, without health. */
export const nodeResource = (name: string) => `node:${name}`
export const nodeChecksResource = (name: string) => `node-checks:${name}`
/** One service instance or check on a node, by ID: what agent/service/:id waits for. */
export const instanceResource = (node: string, id: string) => `instance:${node}\n${id}`
export const KEY = 'key:'
export const keyResource = (key: string) => KEY + key
export const UNDER = 'under:'
/** Every key with this prefix. Touched through the keys: the hub knows that a key is under its prefixes. */
export const underResource = (prefix: string) => UNDER + prefix
