/** Passing when an HTTP/2 server answers a PING frame: it says nothing about any page. Over TLS unless told otherwise. */
import type { ClientHttp2Session } from 'node:http2'
import type { Probe } from './contract.ts'
import { withSession } from './http2-session.ts'
import { networkError } from './output.ts'

export const probeH2Ping: Probe = async (definition, signal) => {
  const { h2ping: address = '', h2pingUseTls: tls = false } = definition
  try {
    await withSession({ address, tls }, definition, signal, ping)
    return { status: 'passing', output: 'HTTP2 ping was successful' }
  } catch (error) {
    return { status: 'critical', output: `HTTP2 ping failed: ${networkError(error, address)}` }
  }
}

function ping(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session.ping((error) => {
      if (error === null) resolve()
      else reject(error)
    })
  })
}
