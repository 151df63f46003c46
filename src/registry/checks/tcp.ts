/** Passing when a TCP connection (and, if asked for, a TLS handshake) succeeds. */
import type { Probe } from './contract.ts'
import { networkError } from './output.ts'
import { openSocket } from './socket.ts'

export const probeTcp: Probe = (definition, signal) =>
  new Promise((resolve) => {
    const { tcp: address = '', tcpUseTls: tls = false } = definition
    const socket = openSocket({ address, tls }, definition)
    const finish = (error?: unknown) => {
      signal.removeEventListener('abort', abort)
      // Not cut off on success: the server would log a broken handshake each time.
      socket.destroySoon()
      if (error === undefined) return resolve({ status: 'passing', output: `TCP connect ${address}: Success` })
      socket.destroy()
      resolve({ status: 'critical', output: networkError(error, address) })
    }
    const abort = () => finish(signal.reason)
    signal.addEventListener('abort', abort)
    socket.once(tls ? 'secureConnect' : 'connect', () => finish())
    socket.on('error', finish)
  })
