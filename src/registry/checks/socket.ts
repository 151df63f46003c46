/** A connection to where a check points, as all kinds over TCP make it: to guarded addresses only, with TLS where asked for. */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { CheckDefinition } from '../state/records.ts'
import { guardedLookup, hostOf } from './target.ts'

export type TlsOptions = Pick<CheckDefinition, 'tlsServerName' | 'tlsSkipVerify'>

export interface Target {
  /** `host:port` */
  readonly address: string
  readonly tls: boolean
  /** What to offer by ALPN. */
  readonly protocols?: string[] | undefined
}

export function openSocket({ address, tls, protocols }: Target, options: TlsOptions): Socket {
  const url = new URL(`tcp://${address}`)
  const host = hostOf(url)
  const target = { host, port: Number(url.port), lookup: guardedLookup }
  if (!tls) return connectTcp(target)
  const servername = options.tlsServerName ?? (isIP(host) === 0 ? host : undefined)
  return connectTls({
    ...target,
    rejectUnauthorized: options.tlsSkipVerify !== true,
    ...(servername === undefined ? {} : { servername }),
    ...(protocols === undefined ? {} : { ALPNProtocols: protocols }),
  })
}
