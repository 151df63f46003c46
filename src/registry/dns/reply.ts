/** The shapes of a reply. */
import type { Answered, DnsView, Reply } from './contract.ts'
import { soaRecord } from './records.ts'
import { RCODE } from './wire/codes.ts'

const EMPTY = { answers: [], authority: [], additional: [] } as const

export function positive(answers: readonly Answered[]): Reply {
  return { ...EMPTY, rcode: RCODE.NOERROR, authoritative: true, answers }
}

/** There is such a name, but nothing of that type. */
export function noData(view: DnsView): Reply {
  return { ...EMPTY, rcode: RCODE.NOERROR, authoritative: true, authority: [soaRecord(view)] }
}

export function nxDomain(view: DnsView): Reply {
  return { ...EMPTY, rcode: RCODE.NXDOMAIN, authoritative: true, authority: [soaRecord(view)] }
}

/** An answer without records: an error, or nothing at all. */
export function bare(rcode: number, authoritative = false): Reply {
  return { ...EMPTY, rcode, authoritative }
}
