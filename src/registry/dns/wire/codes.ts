/** Numbers of the DNS protocol that are used here (RFC 1035, 2782, 3596, 6891). */

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const

export const CLASS = { IN: 1, ANY: 255 } as const

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  /** Above 15: its upper bits travel in the OPT record. */
  BADVERS: 16,
} as const

/** `NXDOMAIN` for 3: for metrics and messages. */
export function rcodeName(rcode: number): string {
  return Object.entries(RCODE).find(([, code]) => code === rcode)?.[0] ?? String(rcode)
}

/** Bits of the header's third and fourth byte. */
export const FLAG = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  checkingDisabled: 0x0010,
} as const

export const HEADER_BYTES = 12
/** Of a UDP message when the client announces nothing. */
export const PLAIN_UDP_BYTES = 512
export const MESSAGE_MAX_BYTES = 65_535
export const LABEL_MAX_BYTES = 63
/** With the length bytes and the root. */
export const NAME_MAX_BYTES = 255
