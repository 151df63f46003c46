/** The built-in kinds of checks. A new one: a file beside this one and a line here; the suite runs on it by itself. */
import { startAlias } from './alias.ts'
import type { StartCheck } from './contract.ts'
import { probeGrpc } from './grpc.ts'
import { probeH2Ping } from './h2ping.ts'
import { probeHttp } from './http.ts'
import { periodic } from './periodic.ts'
import { probeTcp } from './tcp.ts'
import { startTtl } from './ttl.ts'
import { probeUdp } from './udp.ts'

/** The Type whose checks wait for beats. */
export const BEATEN = 'ttl'

/** By the check's Type. */
export const CHECK_KINDS: Readonly<Record<string, StartCheck>> = {
  [BEATEN]: startTtl,
  http: periodic(probeHttp),
  tcp: periodic(probeTcp),
  grpc: periodic(probeGrpc),
  h2ping: periodic(probeH2Ping),
  udp: periodic(probeUdp),
  alias: startAlias,
}
