/** `best.query.consul`: what a prepared query finds. */
import type { NameKind } from '../contract.ts'
import { instanceRecords } from '../instances.ts'
import { parseService } from './service.ts'

export const query: NameKind = {
  form: 'name.query[.dc], _name._tcp.query[.dc]',
  answer(parts, question, view) {
    const isRfc2782 = parts.length === 2 && parts.every((part) => part.startsWith('_'))
    const found = view.findQuery(isRfc2782 ? parseService(parts).name : parts.join('.'))
    if (found === undefined || found.instances.length === 0) return undefined
    return instanceRecords(found.instances, question, view, found.ttl)
  },
}
