/** An upstream in this process, which answers as it is told until the fault is over. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FaultContext } from './contract.ts'

/** Its port, on 127.0.0.1. Idle connections stay, so that only the gateway closes them. */
export async function startOrigin({ after }: FaultContext, answer: RequestListener): Promise<number> {
  const server = createServer({ keepAliveTimeout: 60_000 }, answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}
