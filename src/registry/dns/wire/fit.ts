/** Makes a message of a reply that is no larger than allowed, and says so when something is missing (TC). */
import type { Answered, Reply, ResourceRecord } from '../contract.ts'
import { FLAG } from './codes.ts'
import { countFitting, type Message, writeMessage } from './write.ts'

export interface Limits {
  readonly maxBytes: number
  /** Records in the answer; undefined = as many as fit. */
  readonly maxAnswers: number | undefined
  /** Whether to set TC, so that a resolver asks again over TCP. Consul by default does not, and keeps instances secret. */
  readonly truncate: boolean
}

export type Head = Pick<Message, 'id' | 'flags' | 'question' | 'edns'>

/**
 * In the order of what is given up: node metadata and other courtesies (no TC for those: RFC 2181 §9), then answers from the
 * end, each with its addresses, down to one; then that one's addresses. Only if not even one answer fits is there none.
 */
export function fit(reply: Reply, head: Head, limits: Limits): Buffer {
  const allowed = reply.answers.slice(0, limits.maxAnswers)
  const count = countFitting(compose(reply, head, [], 'none', false), allowed.map(glued), limits.maxBytes)
  const withAll = count === allowed.length && mayHoldExtras(reply, allowed, limits.maxBytes)
  for (const { answers, rest } of attempts(allowed, count, withAll)) {
    const cut =
      answers.length < reply.answers.length || (rest === 'none' && answers.some(({ glue = [] }) => glue.length > 0))
    const bytes = writeMessage(compose(reply, head, answers, rest, cut && limits.truncate))
    if (bytes.length <= limits.maxBytes) return bytes
  }
  return writeMessage(compose(reply, head, [], 'none', limits.truncate))
}

const glued = ({ record, glue = [] }: Answered) => [record, ...glue]

/** The root as name, type, class, TTL, length. */
const RECORD_MIN_BYTES = 11

/** Nodes may have more metadata than any message holds, or can count: that much is not written to find it out. */
function mayHoldExtras({ additional }: Reply, answers: readonly Answered[], maxBytes: number): boolean {
  const extras = new Set(additional)
  for (const { extra = [] } of answers) {
    for (const record of extra) extras.add(record)
    if (extras.size * RECORD_MIN_BYTES > maxBytes) return false
  }
  return true
}

type Rest = 'all' | 'glue' | 'none'

function* attempts(
  allowed: readonly Answered[],
  count: number,
  withAll: boolean,
): Generator<{ answers: readonly Answered[]; rest: Rest }> {
  if (withAll) yield { answers: allowed, rest: 'all' }
  for (let left = count; left > 0; left--) yield { answers: allowed.slice(0, left), rest: 'glue' }
  yield { answers: allowed.slice(0, 1), rest: 'none' }
}

function compose(reply: Reply, head: Head, answers: readonly Answered[], rest: Rest, truncated: boolean): Message {
  const authoritative = reply.authoritative ? FLAG.authoritative : 0
  return {
    ...head,
    flags: head.flags | authoritative | (truncated ? FLAG.truncated : 0),
    rcode: reply.rcode,
    answers: answers.map(({ record }) => record),
    authority: reply.authority,
    additional: rest === 'none' ? [] : additional(reply, answers, rest === 'all'),
  }
}

/** Several answers may share a record: it is sent once. */
function additional(reply: Reply, answers: readonly Answered[], all: boolean): ResourceRecord[] {
  const records = new Set<ResourceRecord>()
  for (const { glue = [] } of answers) for (const record of glue) records.add(record)
  if (!all) return [...records]
  for (const { extra = [] } of answers) for (const record of extra) records.add(record)
  for (const record of reply.additional) records.add(record)
  return [...records]
}
