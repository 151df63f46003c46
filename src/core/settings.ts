/**
 * The environment variables by which a process learns where it belongs. The fleet sets them for its children; a person or
 * an orchestrator may set them by hand. Nothing else in Skein reads the environment for configuration, but for secrets in
 * variables that a gateway's configuration names (gateway/secret.ts).
 */
export const SETTINGS = {
  /** Registry address, `http://127.0.0.1:8500`; several of one registry separated by commas. */
  registry: 'SKEIN_REGISTRY',
  /** ACL token for the registry; `CONSUL_HTTP_TOKEN` is read as well. */
  token: 'SKEIN_REGISTRY_TOKEN',
  /**
   * Folder where the last known instances and contracts are kept, for a start while the registry is away; `on` = one in the
   * user's cache folder, `off` or absent = none. `skein up` sets it to `.skein/snapshots` beside the config.
   */
  snapshots: 'SKEIN_SNAPSHOTS',
  /** This instance's ID, unique in the registry. */
  instance: 'SKEIN_INSTANCE',
  /** Service name, for apps that do not say it themselves (`skein/register`, commands). */
  service: 'SKEIN_SERVICE',
  /** Weight of this instance, a whole number ≥ 1. */
  weight: 'SKEIN_WEIGHT',
  /** Port to listen on; 0 or absent = any free one. `PORT` is read as well. */
  port: 'SKEIN_PORT',
  /** Host to listen on and to announce, default 127.0.0.1. */
  host: 'SKEIN_HOST',
  /** Zone in which this process runs: where its instance is, and whom its calls prefer. */
  zone: 'SKEIN_ZONE',
  /** How many requests an instance works on at a time: `adaptive` (default), a whole number, or `off`. */
  limit: 'SKEIN_LIMIT',
  /** What serves a service of the kit: `wire`, Skein's own engine (default), or `node`, which is node:http. */
  server: 'SKEIN_SERVER',
  /** What speaks HTTP/2 with a gateway's clients: `wire`, Skein's own engine (default), or `node`, which is node:http2. */
  http2: 'SKEIN_HTTP2',
  /** How many GETs of one connection such a service serves side by side; 1 = one after the other. */
  pipelining: 'SKEIN_PIPELINING',
  /** What a registry needs for an etcd that does not let everybody in; files are PEM. */
  etcdUser: 'SKEIN_ETCD_USER',
  etcdPassword: 'SKEIN_ETCD_PASSWORD',
  etcdCa: 'SKEIN_ETCD_CA',
  etcdCert: 'SKEIN_ETCD_CERT',
  etcdKey: 'SKEIN_ETCD_KEY',
  logLevel: 'SKEIN_LOG_LEVEL',
  /** Set by the fleet for its children; see parent.ts. */
  fleet: 'SKEIN_FLEET',
} as const

export type Environment = Readonly<Record<string, string | undefined>>

const DEFAULT_REGISTRY = 'http://127.0.0.1:8500'

/** The registry's address from `environment`, or several separated by commas, without trailing slashes. */
export function registryAddress(environment: Environment): string {
  // An empty variable is as good as none: that is how shells and manifests leave one out.
  return (environment[SETTINGS.registry] || DEFAULT_REGISTRY).replaceAll(/\/+\s*(?=,|$)/g, '')
}

/** Where this process runs; undefined where nobody says so. */
export function ownZone(environment: Environment): string | undefined {
  return environment[SETTINGS.zone] || undefined
}

/** The token for it: Skein's own variable, else the one that Consul's clients read. Undefined where there is none. */
export function registryToken(environment: Environment): string | undefined {
  return environment[SETTINGS.token] || environment['CONSUL_HTTP_TOKEN'] || undefined
}
