/** What a client says first that speaks HTTP/2 (RFC 9113 §3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export const PREFACE_LENGTH = PREFACE.length

/** True also where the rest of it is still to come. */
export function startsPreface(bytes: Buffer): boolean {
  if (bytes[0] !== PREFACE[0]) return false
  const length = Math.min(bytes.length, PREFACE.length)
  return length >= 3 && bytes.compare(PREFACE, 0, length, 0, length) === 0
}
