/**
 * A port that nobody listens on now, for a program that will listen on it in a moment, and again after each restart. Taken
 * from below the range out of which systems serve port 0 and outgoing connections: there a connection of anyone's would
 * soon sit on it. Not chosen: listening on port 0 and closing again, which gives a port out of just that range.
 */
import { createServer } from 'node:net'
import { below, type Random, systemRandom } from './random.ts'

/** Linux serves port 0 from 32768 on, other systems from 49152 on. */
const RANGE = { from: 10_240, to: 32_768 } as const
const TRIES_MAX = 100

/**
 * It is free only until someone takes it: a start must expect to lose it. Picked at random, so that two who pick at the
 * same time hardly pick the same.
 * @throws Error when none is found.
 */
export async function freePort(host = '127.0.0.1', random: Random = systemRandom): Promise<number> {
  for (let i = 0; i < TRIES_MAX; i++) {
    const port = RANGE.from + below(random, RANGE.to - RANGE.from)
    if (await canListen(port, host)) return port
  }
  throw new Error(`no free port on ${host} after ${TRIES_MAX} tries`)
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE' || error.code === 'EACCES' // Windows gives the latter for reserved ones
      if (taken) resolve(false)
      else reject(error)
    })
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
