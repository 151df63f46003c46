/** Somebody else who reads requests: what it says there is must be what we sent. */
import type { Request } from './reader.ts'

export type Reading = Pick<Request, 'method' | 'target' | 'body'>

export interface Judge {
  /** The requests in `bytes`, as they came over one connection; `count` is how many are expected. */
  read(bytes: string, count: number): Promise<readonly Reading[]>
  close(): Promise<void> | void
}
