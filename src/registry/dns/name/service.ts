/** `web.service.consul`, `v1.web.service.consul`, `_web._tcp.service.consul`. */
import type { NameKind } from '../contract.ts'
import { instanceRecords, usableInstances } from '../instances.ts'
import { serviceTtl } from '../settings.ts'
import type { Labels } from '../wire/labels.ts'

export const service: NameKind = {
  form: '[tag.]name.service[.dc], _name._tcp.service[.dc]',
  answer(parts, question, view) {
    const { name, tag } = parseService(parts)
    const instances = usableInstances(name, tag, view)
    if (instances.length === 0) return undefined
    return instanceRecords(instances, question, view, serviceTtl(view.settings, name))
  },
}

/** A tag may hold dots, a name may not. In the form of RFC 2782 the protocol is a tag, but for `_tcp`, which is every service's. */
function parseService(parts: Labels): { name: string; tag: string } {
  const [first = '', second = ''] = parts
  if (parts.length === 2 && first.startsWith('_') && second.startsWith('_')) {
    return { name: first.slice(1), tag: second === '_tcp' ? '' : second.slice(1) }
  }
  return { name: parts.at(-1) ?? '', tag: parts.slice(0, -1).join('.') }
}
