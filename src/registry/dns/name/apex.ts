/** `consul` itself: who serves the zone. */
import type { Answered, DnsView, Question, Reply, ResourceRecord } from '../contract.ts'
import { addressName, addressRecord, nodeName, placeOf, soaRecord } from '../records.ts'
import { nxDomain, positive } from '../reply.ts'
import { TYPE } from '../wire/codes.ts'
import { isName, type Labels } from '../wire/labels.ts'

export function apex(question: Question, view: DnsView): Reply {
  const server = nameServer(view)
  switch (question.type) {
    case TYPE.SOA: {
      const answers = [{ record: { ...soaRecord(view), name: question.labels } }]
      return { ...positive(answers), authority: [server.record], additional: server.glue ?? [] }
    }
    case TYPE.NS:
      return positive([{ ...server, record: { ...server.record, name: question.labels } }])
    default:
      return nxDomain(view) // as Consul; a stricter reader of RFC 8020 would want NOERROR here
  }
}

function nameServer(view: DnsView): Answered & { record: ResourceRecord } {
  const place = placeOf(view.state.nodes.get(view.node)?.Address ?? '')
  const address = place !== undefined && 'address' in place ? place.address : undefined
  const target = nameOfServer(view, address)
  const ttl = view.settings.nodeTtl
  const glue = address === undefined ? [] : [addressRecord(target, address, ttl)]
  return { record: { name: view.settings.domain, ttl, type: 'NS', target }, glue }
}

/** The node's; where that is no name of DNS its address's, else the one that the SOA has. */
function nameOfServer(view: DnsView, address: Uint8Array | undefined): Labels {
  const named = nodeName(view.node, view)
  if (isName(named)) return named
  return address === undefined ? ['ns', ...view.settings.domain] : addressName(address, view)
}
