/** Bodies on their way: who gives them, who takes them, and whose their bytes are meanwhile. */
import type { RawHeaders } from '../core/headers.ts'

/** Gives bytes back, to be overwritten. With an error (of the write that used them) they are left alone, as if it was never called. */
export type Done = (error?: Error | null) => void

/** What takes a body, chunk by chunk. A chunk may be kept: it is nobody else's. */
export interface BodySink {
  chunk(bytes: Uint8Array): void
  /** In place of `chunk` for a large one, where it is there: `done` is to be called when nothing looks at `bytes` any more. */
  lend?(bytes: Uint8Array, done: Done): void
  /** The body is whole. `trailers` only of a chunked body that had some. */
  end(trailers: RawHeaders): void
  /** It broke off: what came before is not the whole body. Exactly one of `end` and `fail` is called, once. */
  fail(error: Error): void
}

/** A body on its way in, with backpressure. It must be read or dropped, or its connection stays taken. */
export interface BodySource {
  /** True when all of it has come: `whole` has it, without waiting. */
  readonly complete: boolean
  /** True once somebody has begun to read it, or it was dropped: then it cannot be read again. */
  readonly started: boolean
  /** All of a complete body that nobody has read; counts as reading it. */
  whole(): Uint8Array
  /** Gives back what `whole` gave, where that was lent; to be called by who has kept nothing of it. */
  loan?(): Done | undefined
  /** Hands the body to `sink`: what has come at once, the rest as it comes. @throws Error when it was read before. */
  read(sink: BodySink): void
  /** Holds back what follows; effective after the chunk being handed over. */
  pause(): void
  resume(): void
  /** Nobody wants the rest. The sink, if there is one, is told `reason`. Idempotent. */
  drop(reason: Error): void
}

/** Bytes with what gives them back. */
export interface Loan {
  readonly bytes: Buffer
  readonly done: Done
}

/** Whose the bytes are that have just come. */
export interface Lender {
  /** As the taker's own. */
  keep(part: Buffer): Buffer
  /** As the taker's for a moment. */
  hold(part: Buffer): Buffer
  /** Undefined where that is not worth it. */
  lend(part: Buffer): Loan | undefined
  /** Also where it takes a copy. */
  lendCopy(part: Buffer): Loan | undefined
}
