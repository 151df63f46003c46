import type { Socket } from 'node:net'

/** What Node has below a socket; over TLS that of the socket below. */
interface Handle {
  readonly writeQueueSize?: number
  readonly _parent?: Handle | null
}

/**
 * Bytes that were written and that the system has not taken. Not documented, but what Node's own socket time-outs go by:
 * `writableLength` changes only when a write has gone out as a whole. 0 where Node does not tell.
 */
export function unsent(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle?: Handle | null }
  return (handle?._parent ?? handle)?.writeQueueSize ?? 0
}
