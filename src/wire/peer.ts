import type { Socket } from 'node:net'
import { plainAddress } from '../core/address.ts'
import type { Peer } from './contract.ts'

/** Who is at the other end of `socket`; undefined = it has gone. */
export function peerOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort' | 'localPort'> | undefined): Peer {
  return {
    ip: plainAddress(socket?.remoteAddress ?? ''),
    port: socket?.remotePort ?? 0,
    localPort: socket?.localPort ?? 0,
    secure: socket !== undefined && 'encrypted' in socket && socket.encrypted === true,
  }
}
