/** A proxy under measurement: how it is started with one worker, and what it listens for. */
import type { Running } from '../harness/process.ts'

/** `http` and `tls` speak HTTP/1.1, `h2c` is HTTP/2 in clear by prior knowledge. */
export type Front = 'http' | 'tls' | 'h2c'

export interface Setting {
  /** Empty, the peer's own; removed at the end. */
  readonly dir: string
  /** Where to listen. */
  readonly front: Front
  readonly port: number
  /** On 127.0.0.1: what it is the proxy of. */
  readonly originPort: number
  /** The service as which the registry lists the origin. */
  readonly service: string
  readonly registry: string
  /** PEM files for `tls`. */
  readonly cert: string
  readonly key: string
}

export interface Peer {
  readonly name: string
  readonly what: string
  /** One of the Node peers, of which the best counts. */
  readonly node: boolean
  readonly fronts: readonly Front[]
  /** Why it cannot be started here and how to change that, or undefined. */
  missing(): string | undefined
  start(setting: Setting): Promise<Running>
}
