/** `best.query.consul`: what a prepared query finds. */
import type { NameKind } from '../contract.ts'
import { instanceRecords } from '../instances.ts'
import type { Labels } from '../wire/labels.ts'

export const query: NameKind = {
  form: 'name.query[.dc], _name._tcp.query[.dc]',
  answer(parts, question, view) {
    const found = view.findQuery(nameOf(parts))
    if (found === undefined || found.instances.length === 0) return undefined
    return instanceRecords(found.instances, question, view, found.ttl)
  },
}

/** It may hold dots. In the form of RFC 2782 the protocol says nothing. */
function nameOf(parts: Labels): string {
  const isRfc2782 = parts.length > 1 && parts[0]!.startsWith('_') && parts.at(-1)!.startsWith('_')
  return isRfc2782 ? parts.slice(0, -1).join('.').slice(1) : parts.join('.')
}
