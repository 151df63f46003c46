/** DNS over UDP: a datagram in, a datagram out. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Logger } from '../../core/log.ts'

export interface UdpOptions {
  readonly host: string
  readonly log: Logger
  /** The answer to a message, or undefined for none. Must not throw. */
  readonly respond: (message: Buffer) => Buffer | undefined
}

/** Not bound yet. */
export function createUdpSocket({ host, log, respond }: UdpOptions): Socket {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  const failed = (err: Error | null) => {
    if (err !== null) log.debug({ err }, 'a DNS answer was not sent')
  }
  socket.on('message', (message: Buffer, from: RemoteInfo) => {
    const answer = from.port === 0 ? undefined : respond(message)
    if (answer !== undefined) socket.send(answer, from.port, from.address, failed)
  })
  return socket
}

export function bindUdp(socket: Socket, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', reject)
      resolve(socket.address().port)
    })
  })
}

/** Once; also for a socket that could not be bound. */
export function closeUdp(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', resolve)
    socket.close()
  })
}
