import type { ResponseHead } from './contract.ts'
import type { Incoming } from './incoming.ts'

/** Who waits for the answer that the connection is to bring. */
export interface Waiting {
  readonly method: string
  /** Silence in the middle of the body after which it is broken off, ms. */
  readonly bodyIdleMs: number
  connected(): void
  /** The first byte of an answer is here. */
  responseBegan(): void
  head(head: ResponseHead, body: Incoming): void
  /** The request's own body may go on. */
  drained(): void
  /** The answer is whole. */
  whole(): void
  /** The body is not wanted any more; the connection ends with it. */
  dropped(reason: Error): void
  /** The connection failed. */
  failed(error: Error): void
}
