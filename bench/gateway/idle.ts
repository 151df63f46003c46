/** Memory of idle connections: what the resident size grows by between a fifth of them and all. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Sample } from '../harness/contract.ts'
import { residentBytes } from '../harness/process.ts'

const SETTLE_MS = 2_000
const ANSWER_LIMIT_MS = 10_000
/** At a time, so that no listener's queue overflows. */
const OPEN_AT_ONCE = 100

/** The first fifth pays for what all connections share, pools and heap that has grown once. */
export async function measureIdle(pid: number, port: number, path: string, connections: number): Promise<Sample> {
  const sockets: Socket[] = []
  try {
    const first = connections / 5
    await openUntil(sockets, first, port, path)
    const before = await settled(pid)
    await openUntil(sockets, connections, port, path)
    const after = await settled(pid)
    const lost = sockets.filter((socket) => socket.closed || socket.readableEnded).length
    return { bytesPerConnection: (after - before) / (connections - first), errors: lost }
  } finally {
    for (const socket of sockets) socket.resetAndDestroy()
  }
}

async function settled(pid: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  return residentBytes(pid)
}

async function openUntil(sockets: Socket[], count: number, port: number, path: string): Promise<void> {
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(OPEN_AT_ONCE, count - sockets.length) }, () => openOne(port, path))
    sockets.push(...(await Promise.all(batch)))
  }
}

/** One connection whose first request is answered. */
async function openOne(port: number, path: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  const late = setTimeout(() => socket.destroy(new Error(`no answer within ${ANSWER_LIMIT_MS} ms`)), ANSWER_LIMIT_MS)
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  clearTimeout(late)
  if (!chunk.toString('latin1').startsWith('HTTP/1.1 200 ')) throw new Error(`no 200: ${chunk.toString('latin1')}`)
  socket.on('error', () => undefined).resume() // a peer that closes it is seen by its state
  return socket
}
