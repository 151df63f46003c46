/** More clients than a server of node:http has room for. */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** So many that nothing is gained by counting. */
const NO_BOUND = 100_000

/**
 * Bounds a server's connections. One more takes the place of the oldest that has no request under way (it is idle, or slow to
 * say what it wants); where there is none, the new one is closed. So a crowd of slow clients cannot shut out the others. To be
 * called after a listener for `upgrade` is there.
 */
export function boundConnections(server: Server, max: number): void {
  if (max >= NO_BOUND) return
  const waiting = new Set<Socket>()
  let open = 0
  server.on('connection', (socket) => {
    waiting.add(socket)
    if (++open > max) waiting.values().next().value?.destroy()
    socket.once('close', () => {
      open--
      waiting.delete(socket)
    })
  })
  server.prependListener('request', ({ socket }, response) => {
    waiting.delete(socket)
    response.once('close', () => {
      if (!socket.destroyed) waiting.add(socket)
    })
  })
  // A listener where there was none would make Node believe that upgrades are wanted.
  if (server.listenerCount('upgrade') > 0)
    server.prependListener('upgrade', (_request, socket) => waiting.delete(socket as Socket))
}
