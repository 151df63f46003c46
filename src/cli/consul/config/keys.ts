/** The keys of Consul's configuration files that are known here, with what each does or why it does nothing. */

/** `any` is not looked at; `texts` is one or several; `duration` is Go's: `10s`; `durations` are such by name. */
export type KeyType =
  | 'text'
  | 'number'
  | 'port'
  | 'flag'
  | 'duration'
  | 'object'
  | 'list'
  | 'texts'
  | 'durations'
  | 'any'
  | Keys

export interface Key {
  readonly type: KeyType
  /** It has no effect: the reason, shown as a warning. */
  readonly ignored?: string
}

export interface Keys {
  readonly [name: string]: Key
}

const used = (type: KeyType): Key => ({ type })
/** True of Skein whatever it says, or about something that is not there and that nobody misses. */
const harmless: Key = { type: 'any' }
const ignored = (reason: string): Key => ({ type: 'any', ignored: reason })

const GOSSIP = 'there is no gossip'
const CLUSTER = 'there is one registry and nothing to join'
const TLS = 'TLS is not served: put a proxy in front'
const SCRIPTS = 'scripts are never run'
const MESH = 'there is no service mesh'
const DATACENTERS = 'there is one datacenter'

const PORTS: Keys = {
  http: used('port'),
  dns: used('port'),
  https: used('port'),
  grpc: harmless,
  grpc_tls: harmless,
  serf_lan: harmless,
  serf_wan: harmless,
  server: harmless,
  sidecar_min_port: harmless,
  sidecar_max_port: harmless,
  expose_min_port: harmless,
  expose_max_port: harmless,
}

const ACL: Keys = {
  enabled: used('flag'),
  default_policy: used('text'),
  enable_key_list_policy: used('flag'),
  tokens: used({
    initial_management: used('text'),
    master: used('text'),
    default: used('text'),
    dns: used('text'),
    agent: harmless,
    config_file_service_registration: harmless,
    agent_recovery: ignored('acl-bootstrap-reset in data_dir is the way back in'),
    agent_master: ignored('acl-bootstrap-reset in data_dir is the way back in'),
    replication: ignored(DATACENTERS),
    managed_service_provider: harmless,
  }),
  down_policy: harmless,
  token_ttl: harmless,
  policy_ttl: harmless,
  role_ttl: harmless,
  enable_token_persistence: harmless,
  enable_token_replication: ignored(DATACENTERS),
}

const DNS: Keys = {
  node_ttl: used('duration'),
  service_ttl: used('durations'),
  only_passing: used('flag'),
  a_record_limit: used('number'),
  udp_answer_limit: used('number'),
  enable_truncate: used('flag'),
  enable_additional_node_meta_txt: used('flag'),
  soa: used({ refresh: used('number'), retry: used('number'), expire: used('number'), min_ttl: used('number') }),
  allow_stale: harmless,
  max_stale: harmless,
  use_cache: harmless,
  cache_max_age: harmless,
  recursor_timeout: harmless,
  recursor_strategy: harmless,
  prefer_namespace: harmless,
  disable_compression: ignored('names in answers are always compressed'),
}

export const KEYS: Keys = {
  acl: used(ACL),
  addresses: used({
    http: used('text'),
    dns: used('text'),
    https: ignored(TLS),
    grpc: ignored(MESH),
    grpc_tls: ignored(MESH),
  }),
  advertise_addr: ignored('services are found at the addresses that they register'),
  advertise_addr_wan: ignored(CLUSTER),
  autopilot: harmless,
  bind_addr: harmless,
  bootstrap: harmless,
  bootstrap_expect: used('number'),
  ca_file: ignored(TLS),
  ca_path: ignored(TLS),
  cert_file: ignored(TLS),
  check: used('object'),
  check_update_interval: ignored('outputs of checks are shown at once, and wake nobody'),
  checks: used('list'),
  client_addr: used('text'),
  config_entries: ignored(MESH),
  connect: ignored(MESH),
  data_dir: used('text'),
  datacenter: used('text'),
  disable_anonymous_signature: harmless,
  disable_host_node_id: harmless,
  disable_remote_exec: harmless,
  disable_update_check: harmless,
  dns_config: used(DNS),
  domain: used('text'),
  alt_domain: ignored('there is one domain'),
  enable_central_service_config: harmless,
  enable_debug: ignored('there is no profiler'),
  enable_local_script_checks: ignored(SCRIPTS),
  enable_script_checks: ignored(SCRIPTS),
  enable_syslog: ignored('the log goes to standard output'),
  encrypt: ignored(GOSSIP),
  encrypt_verify_incoming: ignored(GOSSIP),
  encrypt_verify_outgoing: ignored(GOSSIP),
  key_file: ignored(TLS),
  leave_on_terminate: harmless,
  limits: ignored('there are none to set'),
  log_file: ignored('the log goes to standard output'),
  log_json: harmless,
  log_level: used('text'),
  log_rotate_bytes: ignored('the log goes to standard output'),
  log_rotate_duration: ignored('the log goes to standard output'),
  node_id: ignored('the ID is made once and kept with the data'),
  node_meta: ignored('the node has no metadata of its own'),
  node_name: used('text'),
  performance: harmless,
  pid_file: used('text'),
  ports: used(PORTS),
  primary_datacenter: ignored(CLUSTER),
  protocol: harmless,
  raft_protocol: harmless,
  raft_snapshot_interval: harmless,
  raft_snapshot_threshold: harmless,
  raft_trailing_logs: harmless,
  reconnect_timeout: harmless,
  recursors: ignored('names outside the domain are refused'),
  rejoin_after_leave: harmless,
  retry_interval: harmless,
  retry_join: ignored(CLUSTER),
  retry_join_wan: ignored(CLUSTER),
  retry_max: harmless,
  serf_lan: harmless,
  serf_wan: harmless,
  server: harmless,
  service: used('object'),
  services: used('list'),
  session_ttl_min: used('duration'),
  skip_leave_on_interrupt: harmless,
  start_join: ignored(CLUSTER),
  start_join_wan: ignored(CLUSTER),
  telemetry: ignored('metrics are at /metrics of the HTTP port, as Prometheus reads them'),
  tls: ignored(TLS),
  translate_wan_addrs: harmless,
  ui: ignored("Consul's web pages are not served"),
  ui_config: ignored("Consul's web pages are not served"),
  ui_dir: ignored("Consul's web pages are not served"),
  verify_incoming: ignored(TLS),
  verify_incoming_https: ignored(TLS),
  verify_incoming_rpc: ignored(TLS),
  verify_outgoing: ignored(TLS),
  verify_server_hostname: ignored(TLS),
  watches: used('list'),
}
