/** The fields of a check definition as clients write them, in all spellings. */
import { bool, type Decoded, duration, int, list, map, object, string } from './decode.ts'

export const STRINGS = list(string, '[]string')

const CHECK_FIELDS = {
  Name: string,
  Notes: string,
  Status: string,
  ServiceID: string,
  Token: string,
  TTL: duration,
  HTTP: string,
  Method: string,
  Header: map(STRINGS, 'map[string][]string'),
  Body: string,
  DisableRedirects: bool,
  TCP: string,
  TCPUseTLS: bool,
  UDP: string,
  GRPC: string,
  GRPCUseTLS: bool,
  H2PING: string,
  H2PingUseTLS: bool,
  OSService: string,
  AliasNode: string,
  AliasService: string,
  DockerContainerID: string,
  Shell: string,
  ScriptArgs: STRINGS,
  Interval: duration,
  Timeout: duration,
  TLSServerName: string,
  TLSSkipVerify: bool,
  SuccessBeforePassing: int,
  FailuresBeforeWarning: int,
  FailuresBeforeCritical: int,
  DeregisterCriticalServiceAfter: duration,
  OutputMaxSize: int,
}
const CHECK_ALIASES = {
  args: 'ScriptArgs',
  script_args: 'ScriptArgs',
  deregister_critical_service_after: 'DeregisterCriticalServiceAfter',
  docker_container_id: 'DockerContainerID',
  tls_server_name: 'TLSServerName',
  tls_skip_verify: 'TLSSkipVerify',
  service_id: 'ServiceID',
  grpc_use_tls: 'GRPCUseTLS',
  tcp_use_tls: 'TCPUseTLS',
  h2ping_use_tls: 'H2PingUseTLS',
  disable_redirects: 'DisableRedirects',
} as const

/** Inside a service the ID of a check is `CheckID`, in agent/check/register it is `ID`; each refuses the other's. */
export const SERVICE_CHECK = object({ CheckID: string, ...CHECK_FIELDS }, CHECK_ALIASES)
export const AGENT_CHECK = object({ ID: string, ...CHECK_FIELDS }, CHECK_ALIASES)
export type CheckFields = Decoded<{ CheckID: typeof string; ID: typeof string } & typeof CHECK_FIELDS>
