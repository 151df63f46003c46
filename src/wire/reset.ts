import type { Socket } from 'node:net'

/** Breaks a connection off so that the other side cannot take what came for whole. */
export function reset(socket: Socket): void {
  // Only bare TCP can be reset; under TLS a close without its farewell says the same.
  if ('encrypted' in socket) socket.destroy()
  else if (!socket.destroyed) socket.resetAndDestroy()
}
