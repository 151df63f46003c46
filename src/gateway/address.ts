/** Peer addresses and the ranges that are trusted. */
import { BlockList, isIP, isIPv6 } from 'node:net'

/** Why `range` is no IP address or CIDR range; undefined when it is one. */
export function checkRange(range: string): string | undefined {
  const [address, bits, ...more] = range.split('/')
  if (more.length > 0 || isIP(address!) === 0) return `"${range}" is not an IP address or CIDR range`
  const widest = isIPv6(address!) ? 128 : 32
  if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= widest)) {
    return `"${range}" has a prefix length outside 0–${widest}`
  }
  return undefined
}

/** A test for membership in the given (checked) addresses and ranges. */
export function addressSet(ranges: readonly string[]): (ip: string) => boolean {
  // Asked at every request, by gateways that trust no proxy.
  if (ranges.length === 0) return () => false
  const list = new BlockList()
  for (const range of ranges) {
    const [address, bits] = range.split('/')
    const family = isIPv6(address!) ? 'ipv6' : 'ipv4'
    list.addSubnet(address!, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family)
  }
  return (ip) => isIP(ip) !== 0 && list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4')
}

/** Who is one client for a limit: an IPv4 address, or the /64 of an IPv6 address, of which one client has all. */
export function networkOf(ip: string): string {
  if (!isIPv6(ip)) return ip
  const [head = '', tail] = ip.split('%')[0]!.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...new Array<string>(zeros).fill('0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
