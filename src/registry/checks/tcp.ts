/** Passing when a TCP connection (and, if asked for, a TLS handshake) succeeds. */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { CheckDefinition } from '../state/records.ts'
import type { Probe } from './contract.ts'
import { networkError } from './output.ts'
import { guardedLookup, hostOf } from './target.ts'

export const probeTcp: Probe = (definition, signal) =>
  new Promise((resolve) => {
    const address = definition.tcp ?? ''
    const socket = open(definition)
    const finish = (error?: unknown) => {
      signal.removeEventListener('abort', abort)
      socket.destroy()
      if (error === undefined) resolve({ status: 'passing', output: `TCP connect ${address}: Success` })
      else resolve({ status: 'critical', output: networkError(error, address) })
    }
    const abort = () => finish(signal.reason)
    signal.addEventListener('abort', abort)
    socket.once(definition.tcpUseTls === true ? 'secureConnect' : 'connect', () => finish())
    socket.on('error', finish)
  })

function open(definition: CheckDefinition): Socket {
  const url = new URL(`tcp://${definition.tcp}`)
  const target = { host: hostOf(url), port: Number(url.port), lookup: guardedLookup }
  if (definition.tcpUseTls !== true) return connectTcp(target)
  const servername = definition.tlsServerName
  const rejectUnauthorized = definition.tlsSkipVerify !== true
  return connectTls({ ...target, rejectUnauthorized, ...(servername === undefined ? {} : { servername }) })
}
