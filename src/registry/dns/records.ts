/** The records that several forms of name have in common. */
import type { NodeRecord } from '../state/records.ts'
import { parseIp, toHex } from './address.ts'
import type { DnsView, ResourceRecord } from './contract.ts'
import { TYPE } from './wire/codes.ts'
import { isName, type Labels, toLabels } from './wire/labels.ts'

/** Where something is: an address, or a host name that others resolve. */
export type Place = { readonly address: Buffer } | { readonly host: Labels }

/** Undefined for what is neither. */
export function placeOf(text: string): Place | undefined {
  const address = parseIp(text)
  if (address !== undefined) return { address }
  const host = toLabels(text)
  return host === undefined ? undefined : { host }
}

export function addressRecord(name: Labels, address: Uint8Array, ttl: number): ResourceRecord {
  return { name, ttl, type: address.length === 4 ? 'A' : 'AAAA', address }
}

/**
 * Whether someone who asks for `type` is told an address of this length. Asking for TXT counts as asking for any: so Consul
 * answers, and some probe with it.
 */
export function isWanted(type: number, address: Uint8Array): boolean {
  if (type === TYPE.ANY || type === TYPE.TXT) return true
  return type === (address.length === 4 ? TYPE.A : TYPE.AAAA)
}

/** `node1.node.dc1.consul` */
export function nodeName(node: string, view: DnsView): Labels {
  return [...node.split('.'), 'node', view.datacenter, ...view.settings.domain]
}

/** `7f00000b.addr.dc1.consul` */
export function addressName(address: Uint8Array, view: DnsView): Labels {
  return [toHex(address), 'addr', view.datacenter, ...view.settings.domain]
}

/** A node's metadata, `key=value` a record (RFC 1464). */
export function metaRecords({ Node, Meta }: NodeRecord, name: Labels, view: DnsView): ResourceRecord[] {
  if (!isName(nodeName(Node, view))) return []
  const ttl = view.settings.nodeTtl
  return Object.entries(Meta ?? {}).map(([key, value]) => ({ name, ttl, type: 'TXT', text: metaText(key, value) }))
}

/** Keys that begin with `rfc1035-` ask for their value alone. */
function metaText(key: string, value: string): string {
  if (key.toLowerCase().startsWith('rfc1035-')) return value
  return `${key.replace(/[`=]/g, '`$&')}=${value}`
}

/** Beside every negative answer: it says how long that may be remembered (RFC 2308: the lower of its TTL and minTtl). */
export function soaRecord(view: DnsView): ResourceRecord {
  const { domain, soa } = view.settings
  return {
    name: domain,
    ttl: soa.minTtl,
    type: 'SOA',
    server: ['ns', ...domain],
    mailbox: ['hostmaster', ...domain],
    times: { serial: view.now(), ...soa },
  }
}
