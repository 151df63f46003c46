/** Addresses of peers. */

/**
 * An IPv4 address that a dual-stack socket reports as `::ffff:192.0.2.1`, as plain IPv4; every other as it is. The same
 * client is the same text in logs, in rules and for hash policies.
 */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
