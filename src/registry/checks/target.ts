/**
 * Where a check may connect. A registered check makes this registry send requests, so it must not become a way to reach
 * what its author cannot: link-local addresses (cloud metadata at 169.254.169.254), multicast and the unspecified
 * address are refused, at registration for literal addresses and at every run for what a name resolves to. Loopback and
 * private addresses stay allowed: that is where services live.
 */

import { type LookupAddress, lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { bareHost } from '../../core/authority.ts'

const FORBIDDEN = new BlockList()
FORBIDDEN.addSubnet('0.0.0.0', 8, 'ipv4')
FORBIDDEN.addSubnet('169.254.0.0', 16, 'ipv4')
FORBIDDEN.addSubnet('224.0.0.0', 3, 'ipv4')
FORBIDDEN.addAddress('::', 'ipv6')
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6')
FORBIDDEN.addSubnet('ff00::', 8, 'ipv6')
/** Amazon's metadata service over IPv6. */
FORBIDDEN.addAddress('fd00:ec2::254', 'ipv6')
/** IPv4 inside IPv6 by translation or 6to4: another spelling of what is refused above. */
FORBIDDEN.addSubnet('64:ff9b::', 96, 'ipv6')
FORBIDDEN.addSubnet('2002:a9fe::', 32, 'ipv6')

/** BlockList itself knows IPv4-mapped IPv6 addresses (`::ffff:169.254.169.254`). */
export function isForbiddenAddress(address: string): boolean {
  const version = isIP(address)
  return version !== 0 && FORBIDDEN.check(address, version === 4 ? 'ipv4' : 'ipv6')
}

/** Why no check may go to `url`, or undefined. Only what can be said without asking DNS. */
export function forbiddenTarget(url: string): string | undefined {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    return `${JSON.stringify(url)} is not a valid address`
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') return 'HTTP checks take http:// or https:// only'
  if (parsed.username !== '' || parsed.password !== '')
    return 'credentials do not belong in a check address; use Header'
  return isForbiddenAddress(hostOf(parsed)) ? `${hostOf(parsed)} may not be checked: ${REASON}` : undefined
}

const REASON = 'link-local, multicast and unspecified addresses are off limits'

/** The host without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return bareHost(url.hostname)
}

/** Resolves like `dns.lookup`, but fails when any address is off limits: the one checked is the one connected to. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) return callback(error, '', 0)
    const forbidden = addresses.find(({ address }) => isForbiddenAddress(address))
    if (forbidden !== undefined) {
      return callback(new Error(`${hostname} is ${forbidden.address}, which may not be checked: ${REASON}`), '', 0)
    }
    if (options.all === true) return callback(null, addresses)
    callback(null, addresses[0]!.address, addresses[0]!.family)
  })
}
