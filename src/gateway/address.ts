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
  const list = new BlockList()
  for (const range of ranges) {
    const [address, bits] = range.split('/')
    const family = isIPv6(address!) ? 'ipv6' : 'ipv4'
    list.addSubnet(address!, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family)
  }
  return (ip) => isIP(ip) !== 0 && list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4')
}
