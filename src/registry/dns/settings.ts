/** What can be set about DNS. Times are in whole seconds, the unit of the protocol. */
import { type Labels, toLabels } from './wire/labels.ts'

export interface DnsOptions {
  /**
   * Address to listen on. Default: the registry's if that is loopback, else 127.0.0.1, because DNS knows no tokens: whoever
   * reaches it can read which services are where.
   */
  readonly host?: string | undefined
  /** The zone, default `consul`. */
  readonly domain?: string | undefined
  /** By service: its name, a beginning with a star (`db-*`), or `*`; the longest that fits counts. Default 0: not to be cached. */
  readonly serviceTtl?: Readonly<Record<string, number>> | undefined
  /** Of names of nodes and addresses, default 0. */
  readonly nodeTtl?: number | undefined
  /** `minTtl` is how long "there is no such name" may be cached, default 0; the others speak to secondary servers. */
  readonly soa?: { readonly [K in keyof Soa]?: number | undefined } | undefined
  /** Leave out instances with a warning, too. Default false: only critical ones. */
  readonly onlyPassing?: boolean | undefined
  /** Addresses in an answer of A or AAAA, over TCP too; 0 (default) = all. */
  readonly aRecordLimit?: number | undefined
  /** Records in an answer by UDP to a client without EDNS, default 3. */
  readonly udpAnswerLimit?: number | undefined
  /** Say that an answer was cut (TC), so that the client asks again by TCP. Default true; Consul's is false. */
  readonly truncate?: boolean | undefined
  /** Send a node's metadata as TXT with its address. Default true. */
  readonly nodeMetaTxt?: boolean | undefined
}

export interface Soa {
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  readonly minTtl: number
}

export interface DnsSettings {
  readonly domain: Labels
  readonly serviceTtl: Readonly<Record<string, number>>
  readonly nodeTtl: number
  readonly soa: Soa
  readonly onlyPassing: boolean
  readonly aRecordLimit: number
  readonly udpAnswerLimit: number
  readonly truncate: boolean
  readonly nodeMetaTxt: boolean
}

const SOA: Soa = { refresh: 3600, retry: 600, expire: 86_400, minTtl: 0 }
/** RFC 2181 §8. */
const TTL_MAX = 2 ** 31 - 1

/** @throws RangeError naming the option and its value. */
export function dnsSettings(options: DnsOptions = {}): DnsSettings {
  const domain = toLabels((options.domain ?? 'consul').toLowerCase())
  if (domain === undefined) throw new RangeError(`dns.domain: '${options.domain}' is not a domain name`)
  return {
    domain,
    serviceTtl: wholes('dns.serviceTtl', options.serviceTtl ?? {}),
    nodeTtl: whole('dns.nodeTtl', options.nodeTtl ?? 0),
    soa: {
      refresh: whole('dns.soa.refresh', options.soa?.refresh ?? SOA.refresh),
      retry: whole('dns.soa.retry', options.soa?.retry ?? SOA.retry),
      expire: whole('dns.soa.expire', options.soa?.expire ?? SOA.expire),
      minTtl: whole('dns.soa.minTtl', options.soa?.minTtl ?? SOA.minTtl),
    },
    onlyPassing: options.onlyPassing ?? false,
    aRecordLimit: whole('dns.aRecordLimit', options.aRecordLimit ?? 0),
    udpAnswerLimit: whole('dns.udpAnswerLimit', options.udpAnswerLimit ?? 3, 1),
    truncate: options.truncate ?? true,
    nodeMetaTxt: options.nodeMetaTxt ?? true,
  }
}

function whole(key: string, value: number, min = 0): number {
  if (Number.isInteger(value) && value >= min && value <= TTL_MAX) return value
  throw new RangeError(`${key}: ${value} is not a whole number from ${min} to ${TTL_MAX}`)
}

/** Names in lower case, as they are looked up. */
function wholes(key: string, values: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name.toLowerCase(), whole(`${key}['${name}']`, value)]),
  )
}

/** Seconds for which records of this service may be cached; `name` in lower case. */
export function serviceTtl({ serviceTtl: ttls }: DnsSettings, name: string): number {
  if (Object.hasOwn(ttls, name)) return ttls[name]!
  const fitting = Object.keys(ttls).filter((key) => key.endsWith('*') && name.startsWith(key.slice(0, -1)))
  const longest = fitting.sort((a, b) => b.length - a.length)[0]
  return longest === undefined ? 0 : ttls[longest]!
}
