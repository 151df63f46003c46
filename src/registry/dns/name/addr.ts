/** `7f00000b.addr.consul`: the address that the name spells, registered or not. SRV records point to such names. */
import { parseHex } from '../address.ts'
import type { NameKind } from '../contract.ts'
import { addressRecord } from '../records.ts'
import { TYPE } from '../wire/codes.ts'

export const addr: NameKind = {
  form: '<8 or 32 hexadecimal digits>.addr[.dc]',
  answer(parts, { labels, type }, { settings }) {
    const address = parts.length === 1 ? parseHex(parts[0]!) : undefined
    if (address === undefined) return undefined
    const own = address.length === 4 ? TYPE.A : TYPE.AAAA
    if (type !== own && type !== TYPE.ANY) return []
    return [{ record: addressRecord(labels, address, settings.nodeTtl) }]
  },
}
