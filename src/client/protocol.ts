/** By which protocol an instance is spoken to. Pure. */
import type { Instance } from '../discovery/contract.ts'

/** `h2c` is HTTP/2 in clear by prior knowledge, `h2` HTTP/2 over TLS. */
export type Protocol = 'http/1.1' | 'h2c' | 'h2'

/** PEM text. */
export interface UpstreamTls {
  /** Who may have signed the instances' certificates; default: whom Node trusts. */
  readonly ca?: string | undefined
  /** Shown to instances that ask for one. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The name that certificates must be for; default: the instance's address. */
  readonly serverName?: string | undefined
}

/** How people write it: as Traefik, Envoy, Consul's service-defaults and gRPC do. */
const NAMES: Readonly<Record<string, Protocol>> = {
  http: 'http/1.1',
  http1: 'http/1.1',
  'http/1.1': 'http/1.1',
  h2c: 'h2c',
  http2: 'h2c',
  grpc: 'h2c',
  h2: 'h2',
  grpcs: 'h2',
}

export const PROTOCOL_NAMES: readonly string[] = Object.keys(NAMES)

/** Undefined for a name that is none. */
export function protocolOf(name: string): Protocol | undefined {
  return Object.hasOwn(NAMES, name) ? NAMES[name] : undefined
}

const TAG = 'protocol='

/** What the instance says of itself when it registers: `protocol` in its metadata, else a tag such as `protocol=grpc`. */
export function protocolOfInstance({ meta, tags }: Pick<Instance, 'meta' | 'tags'>): Protocol {
  const said = meta['protocol'] ?? tags.find((tag) => tag.startsWith(TAG))?.slice(TAG.length)
  return (said === undefined ? undefined : protocolOf(said.toLowerCase())) ?? 'http/1.1'
}
