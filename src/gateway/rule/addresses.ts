/** From which addresses a route may be used. */
import { addressSet, checkRange } from '../address.ts'
import { type Check, either, fields, listOf, text } from '../check.ts'

export interface AddressConfig {
  /** Addresses and ranges (CIDR, IPv4 and IPv6) that may; absent = all. */
  readonly allow?: readonly string[]
  /** Those that may not, also if `allow` names them. */
  readonly deny?: readonly string[]
}

const EXAMPLE = '{ allow: ["10.0.0.0/8", "fd00::/8"] }'
const ranges = listOf(text('10.0.0.0/8', checkRange), '["10.0.0.0/8"]')

export const checkAddresses: Check = either([false], fields({ allow: ranges, deny: ranges }, EXAMPLE))

/** May a client with this address come in? Undefined = all may. */
export function admission(config: AddressConfig | false | undefined): ((ip: string) => boolean) | undefined {
  if (!config) return undefined
  const allowed = config.allow === undefined ? () => true : addressSet(config.allow)
  const denied = addressSet(config.deny ?? [])
  return (ip) => allowed(ip) && !denied(ip)
}
