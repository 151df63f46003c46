/** Who the client is, and what the upstream is told about it. Pure. */
import { isIP } from 'node:net'
import { plainAddress } from '../core/address.ts'
import { header, headerValues, type RawHeaders } from '../core/headers.ts'
import type { Peer } from '../wire/contract.ts'
import { isValidHost } from './target.ts'

export interface Origin {
  /** The client's address: the peer, or what trusted proxies say of it. */
  readonly ip: string
  readonly proto: string
  readonly host: string
  readonly port: string
  /** The believed addresses from the client to the peer: the new X-Forwarded-For. */
  readonly chain: readonly string[]
}

/**
 * X-Forwarded-* is believed only when the peer is trusted. Addresses are counted from the right: each was written by the
 * one to its right, so belief ends at the first that is not trusted; that one is the client, and what stands to its left
 * is its own claim and dropped.
 */
export function originOf(headers: RawHeaders, peer: Peer, trusts: (ip: string) => boolean): Origin {
  const host = header(headers, 'host') ?? ''
  const proto = peer.secure ? 'https' : 'http'
  if (!trusts(peer.ip)) return { ip: peer.ip, proto, host, port: String(peer.localPort), chain: [peer.ip] }
  const chain = believedChain(headers, peer.ip, trusts)
  return {
    ip: chain[0]!,
    proto: single(headers, 'x-forwarded-proto', (value) => value === 'http' || value === 'https') ?? proto,
    host: single(headers, 'x-forwarded-host', isValidHost) ?? host,
    port: single(headers, 'x-forwarded-port', (value) => /^\d{1,5}$/.test(value)) ?? String(peer.localPort),
    chain,
  }
}

function believedChain(headers: RawHeaders, peer: string, trusts: (ip: string) => boolean): string[] {
  const claimed = headerValues(headers, 'x-forwarded-for')
    .flatMap((line) => line.split(','))
    .map((address) => plainAddress(withoutPort(address.trim())))
  const chain = [peer]
  while (trusts(chain[0]!)) {
    const next = claimed.pop()
    if (next === undefined || isIP(next) === 0) break
    chain.unshift(next)
  }
  return chain
}

/** Some proxies (Azure's) say `192.0.2.1:4711` and `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  const [, v4, v6] = /^(?:(\d+\.\d+\.\d+\.\d+):\d+|\[([0-9a-f:.]+)\](?::\d+)?)$/i.exec(text) ?? []
  return v4 ?? v6 ?? text
}

function single(headers: RawHeaders, name: string, isValid: (value: string) => boolean): string | undefined {
  const values = headerValues(headers, name)
  return values.length === 1 && isValid(values[0]!) ? values[0] : undefined
}

/** The fields that the gateway itself writes for the upstream. */
export function forwardedHeaders(origin: Origin): string[] {
  const { chain } = origin
  return [
    'x-forwarded-for',
    chain.length === 1 ? chain[0]! : chain.join(', '),
    'x-forwarded-proto',
    origin.proto,
    'x-forwarded-host',
    origin.host,
    'x-forwarded-port',
    origin.port,
    'x-real-ip',
    origin.ip,
  ]
}
