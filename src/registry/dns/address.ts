/** IP addresses as bytes, and the names that stand for them. */
import { isIPv4, isIPv6 } from 'node:net'

/** 4 or 16 bytes; undefined for anything but an IP address. One of v4 written as v6 (`::ffff:…`) is one of v4. */
export function parseIp(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number))
  if (!isIPv6(text)) return undefined
  const bytes = parseIpv6(text.replace(/%.*$/, ''))
  return bytes.subarray(0, 12).equals(V4_PREFIX) ? bytes.subarray(12) : bytes
}

const V4_PREFIX = Buffer.from('00000000000000000000ffff', 'hex')

/** `text` is known to be one. */
function parseIpv6(text: string): Buffer {
  const [head = '', tail] = text.split('::')
  const front = groupBytes(head)
  const back = groupBytes(tail ?? '')
  return Buffer.concat([front, Buffer.alloc(16 - front.length - back.length), back])
}

function groupBytes(groups: string): Buffer {
  if (groups === '') return Buffer.alloc(0)
  const parts = groups.split(':').map((group) => parseIp4Tail(group) ?? Buffer.from(group.padStart(4, '0'), 'hex'))
  return Buffer.concat(parts)
}

/** The last 32 bits may be written as in v4. */
function parseIp4Tail(group: string): Buffer | undefined {
  return group.includes('.') ? Buffer.from(group.split('.').map(Number)) : undefined
}

export const toHex = (address: Uint8Array) => Buffer.from(address).toString('hex')

/** The address that `7f00000b` stands for. */
export function parseHex(text: string): Buffer | undefined {
  return /^(?:[0-9a-f]{8}|[0-9a-f]{32})$/.test(text) ? Buffer.from(text, 'hex') : undefined
}
