/** A client that says exactly the given bytes and hears all that comes back. */
import { connect } from 'node:net'

export interface Heard {
  /** latin1 */
  readonly text: string
  /** How the other side ended: `open` when it had not, and we closed. */
  readonly ended: 'open' | 'end' | 'reset'
}

export interface DriveOptions {
  /** Ends our side behind the bytes. */
  readonly end?: boolean | undefined
  /** Ends our side when nothing was heard for so long, ms. */
  readonly quietMs?: number | undefined
  /** Enough was heard: closes. Default: never, it is the other side that ends. */
  enough?(text: string): boolean
}

/** Beyond it a server that neither answers nor ends is given up: `open`. */
const LIMIT_MS = 5_000

export function drive(port: number, bytes: string, { end, quietMs, enough }: DriveOptions = {}): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    let text = ''
    const done = (ended: Heard['ended']) => {
      clearTimeout(late)
      clearTimeout(quiet)
      socket.destroy()
      resolve({ text, ended })
    }
    const late = setTimeout(done, LIMIT_MS, 'open')
    const quiet = setTimeout(() => socket.end(), quietMs ?? LIMIT_MS)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      quiet.refresh()
      if (enough?.(text)) done('open')
    })
    socket.once('end', () => done('end'))
    socket.once('error', () => done('reset'))
    socket.write(Buffer.from(bytes, 'latin1'))
    if (end) socket.end()
  })
}
