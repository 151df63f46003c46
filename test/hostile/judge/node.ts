/** Node's own parser as a judge. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { drive } from '../drive.ts'
import type { Judge, Reading } from './contract.ts'

export async function nodeJudge(): Promise<Judge> {
  let seen: Reading[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('latin1')
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      seen.push({ method: request.method!, target: request.url!, body })
      response.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    async read(bytes) {
      seen = []
      await drive(port, bytes, { end: true })
      return seen
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
