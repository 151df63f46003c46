/** What stands behind the gateway: it keeps each byte, reads requests out of them, and answers as it is told. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Request, readRequests } from './judge/reader.ts'

export interface Arrived extends Request {
  /** Counted from 0. */
  readonly connection: number
}

export interface Recorder {
  readonly port: number
  /** What arrived whole since the last time. @throws Error when bytes came that are no strict HTTP. */
  take(): readonly Arrived[]
  close(): void
}

/** Answers a whole request; what it returns is written. */
export type Reply = (request: Arrived, socket: Socket) => string

const plain: Reply = ({ method }) => `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${method === 'HEAD' ? '' : 'ok'}`

export async function record(reply: Reply = plain): Promise<Recorder> {
  const arrived: Arrived[] = []
  const faults: Error[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection = connections++
    sockets.add(socket)
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
    socket.once('end', () => socket.end())
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      try {
        const { messages, rest } = readRequests(text)
        text = rest
        for (const message of messages) {
          const request = { ...message, connection }
          arrived.push(request)
          socket.write(reply(request, socket), 'latin1')
        }
      } catch (error) {
        faults.push(new Error(`${(error as Error).message} in ${JSON.stringify(text.slice(0, 2000))}`))
        socket.destroy()
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    take() {
      const fault = faults.shift()
      const taken = arrived.splice(0)
      if (fault !== undefined) throw fault
      return taken
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
