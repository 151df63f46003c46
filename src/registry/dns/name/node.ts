/** `node1.node.consul`: a node's address and metadata, whatever its health. */

import type { NodeRecord } from '../../state/records.ts'
import type { Answered, DnsView, NameKind, Question } from '../contract.ts'
import { addressRecord, isWanted, metaRecords, placeOf } from '../records.ts'
import { TYPE } from '../wire/codes.ts'

export const node: NameKind = {
  form: 'name.node[.dc]',
  answer(parts, question, view) {
    const [exact] = view.directory.nodes(parts.join('.'))
    if (exact === undefined || !view.sight().node(exact)) return undefined
    return nodeRecords(view.state.nodes.get(exact)!, question, view)
  },
}

function nodeRecords(record: NodeRecord, question: Question, view: DnsView): Answered[] {
  const address = question.type === TYPE.TXT ? undefined : addressAnswer(record, question, view)
  const meta = metaRecords(record, question.labels, view)
  if (question.type === TYPE.TXT || question.type === TYPE.ANY) {
    return [...(address === undefined ? [] : [address]), ...meta.map((one) => ({ record: one }))]
  }
  if (address === undefined) return []
  return [view.settings.nodeMetaTxt ? { ...address, extra: meta } : address]
}

function addressAnswer({ Address }: NodeRecord, { labels, type }: Question, view: DnsView): Answered | undefined {
  const place = placeOf(Address)
  const ttl = view.settings.nodeTtl
  if (place === undefined) return undefined
  if ('host' in place) return { record: { name: labels, ttl, type: 'CNAME', target: place.host } }
  return isWanted(type, place.address) ? { record: addressRecord(labels, place.address, ttl) } : undefined
}
