/** `11.0.0.127.in-addr.arpa`, `….ip6.arpa`: the node that has an address, else the services that have it as their own. */
import type { Answered, DnsView, Question } from '../contract.ts'
import { nodeName } from '../records.ts'
import { serviceTtl } from '../settings.ts'
import { TYPE } from '../wire/codes.ts'
import { before, isName, type Labels } from '../wire/labels.ts'

const V4 = ['in-addr', 'arpa']
const V6 = ['ip6', 'arpa']

/** Whether names like this one are answered here. */
export function isReverse(labels: Labels): boolean {
  return before(labels, V4) !== undefined || before(labels, V6) !== undefined
}

/** As NameKind.answer, for the whole name. */
export function reverseRecords(question: Question, view: DnsView): readonly Answered[] | undefined {
  const address = spelled(question.labels)
  const at = address === undefined ? undefined : view.directory.at(address)
  if (at === undefined) return undefined
  const sight = view.sight()
  const found = {
    nodes: at.nodes.filter((node) => sight.node(node)),
    services: at.services.filter((name) => sight.service(name)),
  }
  if (found.nodes.length === 0 && found.services.length === 0) return undefined
  if (question.type !== TYPE.PTR && question.type !== TYPE.ANY) return []
  const { settings, datacenter } = view
  const nodes = found.nodes.map((node) => ({ target: nodeName(node, view), ttl: settings.nodeTtl }))
  const services = found.services.map((name) => ({
    target: [...name.split('.'), 'service', datacenter, ...settings.domain],
    ttl: serviceTtl(settings, name.toLowerCase()),
  }))
  return (nodes.length > 0 ? nodes : services)
    .filter(({ target }) => isName(target))
    .map(({ target, ttl }) => ({ record: { name: question.labels, ttl, type: 'PTR', target } }))
}

/** The address in hexadecimal. It is spelled backwards: bytes in decimal (v4) or nibbles (v6). */
function spelled(labels: Labels): string | undefined {
  const bytes = before(labels, V4)?.toReversed()
  if (bytes?.length === 4 && bytes.every((byte) => /^(?:0|[1-9]\d{0,2})$/.test(byte) && Number(byte) < 256)) {
    return Buffer.from(bytes.map(Number)).toString('hex')
  }
  const nibbles = before(labels, V6)?.toReversed()
  if (nibbles?.length === 32 && nibbles.every((nibble) => /^[0-9a-f]$/i.test(nibble))) {
    return nibbles.join('').toLowerCase()
  }
  return undefined
}
