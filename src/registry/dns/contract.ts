/**
 * What the parts of the DNS interface hand to each other. The core (`answer.ts` and everything in `name/`) is pure: a
 * question and a view go in, records come out; bytes are the matter of `wire/`, sockets that of `server.ts`.
 *
 * To add a form of name: one file in `name/` and one line in `names.ts`.
 */
import type { Random } from '../../core/random.ts'
import type { Sight } from '../acl/sight.ts'
import type { NodeRecord, ServiceRecord } from '../state/records.ts'
import type { State } from '../state/state.ts'
import type { Directory } from './directory.ts'
import type { DnsSettings } from './settings.ts'
import type { Labels } from './wire/labels.ts'

export interface Question {
  /** As asked: the answer repeats it to the letter, since resolvers mix cases to tell forged answers (0x20). */
  readonly labels: Labels
  /** See TYPE in wire/codes.ts. */
  readonly type: number
}

export type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: Uint8Array }
  | { readonly type: 'CNAME' | 'NS' | 'PTR'; readonly target: Labels }
  | {
      readonly type: 'SRV'
      readonly priority: number
      readonly weight: number
      readonly port: number
      readonly target: Labels
    }
  | { readonly type: 'TXT'; readonly text: string }
  | { readonly type: 'SOA'; readonly server: Labels; readonly mailbox: Labels; readonly times: SoaTimes }

/** All but the serial in seconds. */
export interface SoaTimes {
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  readonly minTtl: number
}

export type ResourceRecord = RecordData & { readonly name: Labels; readonly ttl: number }

/** A record of the answer with what belongs into the additional section as long as this record is sent. */
export interface Answered {
  readonly record: ResourceRecord
  /** Addresses of its target. A record is not sent without them if another place can be found for both (TCP). */
  readonly glue?: readonly ResourceRecord[]
  /** Left out first when there is no room. */
  readonly extra?: readonly ResourceRecord[]
}

export interface Reply {
  /** See RCODE in wire/codes.ts. */
  readonly rcode: number
  /** False for names that are none of ours. */
  readonly authoritative: boolean
  readonly answers: readonly Answered[]
  readonly authority: readonly ResourceRecord[]
  readonly additional: readonly ResourceRecord[]
}

export interface Located {
  readonly node: NodeRecord
  readonly service: ServiceRecord
}

/** Runs a prepared query; undefined = there is none of this name (in lower case). `ttl` in seconds. */
export type FindQuery = (name: string) => { readonly instances: readonly Located[]; readonly ttl: number } | undefined

/** All that an answer may depend on beside the question. */
export interface DnsView {
  readonly state: State
  readonly directory: Directory
  readonly settings: DnsSettings
  readonly datacenter: string
  /** Name of the registry's own node: the name server of the zone. */
  readonly node: string
  readonly random: Random
  /** Unix time in s, the serial of the zone. */
  readonly now: () => number
  readonly findQuery: FindQuery
  /** What those who ask may see; by DNS nobody says who they are. */
  readonly sight: () => Sight
}

export interface NameKind {
  /** For people, without the domain: `[tag.]name.service[.dc]`. */
  readonly form: string
  /** `parts` is what stands before the kind, in lower case. Undefined = no such name; empty = nothing of the type asked. */
  answer(parts: Labels, question: Question, view: DnsView): readonly Answered[] | undefined
}
