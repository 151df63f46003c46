/** The pure core: a question and a view of the registry in, records out. */
import type { Answered, DnsView, NameKind, Question, Reply } from './contract.ts'
import { apex } from './name/apex.ts'
import { isReverse, reverseRecords } from './name/reverse.ts'
import { NAME_KINDS } from './names.ts'
import { bare, noData, nxDomain, positive } from './reply.ts'
import { RCODE, TYPE } from './wire/codes.ts'
import { before, type Labels } from './wire/labels.ts'

export function answer(question: Question, view: DnsView): Reply {
  if (isReverse(question.labels)) return reverse(question, view)
  const inside = before(question.labels, view.settings.domain)
  if (inside === undefined) return bare(RCODE.REFUSED)
  if (inside.length === 0) return apex(question, view)
  const records = zoneRecords(inside, question, view)
  if (records === undefined) return nxDomain(view)
  if (records.length === 0) return noData(view)
  return positive(followAlias(records, question, view))
}

/** Those zones are not ours, so there is no SOA of ours in them. */
function reverse(question: Question, view: DnsView): Reply {
  const records = reverseRecords(question, view)
  return records === undefined ? bare(RCODE.NXDOMAIN, true) : positive(records)
}

/** `inside` is the name without the domain. */
function zoneRecords(inside: Labels, question: Question, view: DnsView): readonly Answered[] | undefined {
  const split = splitAtKind(inside.map((label) => label.toLowerCase()))
  if (split === undefined || split.parts.length === 0) return undefined
  if (!isHere(split.locality, view.datacenter.toLowerCase())) return undefined
  return split.kind.answer(split.parts, question, view)
}

/** At the last label that is a kind: what stands before it may be called like one. */
function splitAtKind(labels: Labels): { kind: NameKind; parts: Labels; locality: Labels } | undefined {
  const at = labels.findLastIndex((label) => NAME_KINDS.has(label))
  if (at < 0) return undefined
  return { kind: NAME_KINDS.get(labels[at]!)!, parts: labels.slice(0, at), locality: labels.slice(at + 1) }
}

/** Said by nothing, by `dc1` or, as newer clients have it, by `dc1.dc`. */
function isHere(locality: Labels, datacenter: string): boolean {
  const [name, kind = 'dc', ...tooMuch] = locality
  return name === undefined || (name === datacenter && kind === 'dc' && tooMuch.length === 0)
}

/** A longer chain of aliases is a loop, or as good as one. */
const ALIASES_MAX = 4

/** Where an alias points to a name of ours, that name's records come along: a stub resolver does not ask again. */
function followAlias(
  records: readonly Answered[],
  question: Question,
  view: DnsView,
  left = ALIASES_MAX,
): readonly Answered[] {
  const last = records.at(-1)!.record
  if (last.type !== 'CNAME' || question.type === TYPE.CNAME || left === 0) return records
  const inside = before(last.target, view.settings.domain)
  const next = { ...question, labels: last.target }
  const more = inside === undefined || inside.length === 0 ? undefined : zoneRecords(inside, next, view)
  if (more === undefined || more.length === 0) return records
  return followAlias([...records, ...more], question, view, left - 1)
}
