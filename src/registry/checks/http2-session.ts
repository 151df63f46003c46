/** One HTTP/2 connection for one run of a check. */
import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { openSocket, type Target, type TlsOptions } from './socket.ts'

/** Connects, hands the session to `use` and ends it, however that goes. @throws what went wrong, or the signal's reason. */
export async function withSession<T>(
  target: Omit<Target, 'protocols'>,
  options: TlsOptions,
  signal: AbortSignal,
  use: (session: ClientHttp2Session) => Promise<T>,
): Promise<T> {
  const session = connect(`${target.tls ? 'https' : 'http'}://${target.address}`, {
    createConnection: () => openSocket({ ...target, protocols: ['h2'] }, options),
  })
  const broken = Promise.withResolvers<never>()
  const abort = () => broken.reject(signal.reason)
  signal.addEventListener('abort', abort)
  session.on('error', broken.reject)
  session.on('close', () => broken.reject(new Error('the connection was closed')))
  const used = once(session, 'connect').then(() => use(session))
  try {
    return await Promise.race([used, broken.promise])
  } finally {
    signal.removeEventListener('abort', abort)
    session.destroy()
  }
}
