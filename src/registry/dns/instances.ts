/** Which instances a name stands for, and the records that say where they are. */
import { shuffled } from '../../core/random.ts'
import { onNode, type Status } from '../state/records.ts'
import { toHex } from './address.ts'
import type { Answered, DnsView, Located, Question, ResourceRecord } from './contract.ts'
import { addressName, addressRecord, isWanted, metaRecords, nodeName, type Place, placeOf } from './records.ts'
import { TYPE } from './wire/codes.ts'
import { isName, type Labels } from './wire/labels.ts'

/** Instances of a service (name in lower case) that may be sent requests. A tag matches without regard to case. */
export function usableInstances(name: string, tag: string, view: DnsView): Located[] {
  const found: Located[] = []
  const sight = view.sight()
  for (const exact of view.directory.services(name)) {
    for (const service of view.state.instances.get(exact).values()) {
      const node = view.state.nodes.get(service.Node)
      if (node === undefined || !hasTag(service.Tags, tag) || !sight.instance(node.Node, exact)) continue
      if (isUsable({ node, service }, view)) found.push({ node, service })
    }
  }
  return found
}

function hasTag(tags: readonly string[], wanted: string): boolean {
  return wanted === '' || tags.some((tag) => tag.toLowerCase() === wanted)
}

function isUsable(located: Located, view: DnsView): boolean {
  const status = statusOf(located, view)
  return status === 'passing' || (status === 'warning' && !view.settings.onlyPassing)
}

/** The worst of the instance's and its node's checks. */
function statusOf({ node, service }: Located, { state }: DnsView): Status {
  const checks = [
    ...state.nodeChecks.get(node.Node).values(),
    ...state.instanceChecks.get(onNode(node.Node, service.ID)).values(),
  ]
  if (checks.some(({ Status }) => Status === 'critical')) return 'critical'
  return checks.some(({ Status }) => Status === 'warning') ? 'warning' : 'passing'
}

/** SRV records where those are asked for, addresses else; in an order of chance, which spreads clients that take the first. */
export function instanceRecords(
  instances: readonly Located[],
  question: Question,
  view: DnsView,
  ttl: number,
): Answered[] {
  const drawn = shuffled(instances, view.random)
  if (question.type === TYPE.SRV) return srvAnswers(drawn, question, view, ttl)
  return addressAnswers(drawn, question, view, ttl).map((record) => ({ record }))
}

/** Each address once. A host name only where there are no addresses: an alias must be alone (RFC 1034 §3.6.2). */
function addressAnswers(
  instances: readonly Located[],
  question: Question,
  view: DnsView,
  ttl: number,
): ResourceRecord[] {
  const places = instances.map((located) => placeFor(located, question)).filter((place) => place !== undefined)
  const addresses = places.flatMap((place) => ('address' in place ? [place.address] : []))
  const [alias] = places
  if (addresses.length === 0 && alias !== undefined && 'host' in alias) {
    return [{ name: question.labels, ttl, type: 'CNAME', target: alias.host }]
  }
  const distinct = new Map(addresses.map((address) => [toHex(address), address]))
  const wanted = [...distinct.values()].filter((address) => isWanted(question.type, address))
  const { aRecordLimit } = view.settings
  const kept = aRecordLimit === 0 ? wanted : wanted.slice(0, aRecordLimit)
  return kept.map((address) => addressRecord(question.labels, address, ttl))
}

/** The instance's address, else its node's; the node's also where the instance's is the very name that was asked for. */
function placeFor({ node, service }: Located, { labels }: Question): Place | undefined {
  const own = placeOf(service.Address)
  const isAsked = own !== undefined && 'host' in own && sameName(own.host, labels)
  return service.Address === '' || isAsked ? placeOf(node.Address) : own
}

function sameName(a: Labels, b: Labels): boolean {
  return a.length === b.length && a.every((label, i) => label.toLowerCase() === b[i]!.toLowerCase())
}

/** One record an instance, also where several share an address: their ports differ. */
function srvAnswers(instances: readonly Located[], question: Question, view: DnsView, ttl: number): Answered[] {
  const shared = new SharedRecords(view)
  return instances.flatMap((located): Answered[] => {
    const place = placeFor(located, question)
    if (place === undefined) return []
    const target = targetOf(located, place, view)
    const port = in16Bits(located.service.Port)
    const record = {
      name: question.labels,
      ttl,
      type: 'SRV',
      priority: 1,
      weight: in16Bits(weightOf(located, view)),
      port,
      target,
    } as const
    const glue = 'address' in place ? [shared.address(target, place.address, ttl)] : []
    // Made for those that are sent: of a thousand instances by UDP it would be most of the work.
    return [
      {
        ...{ record, glue },
        get extra() {
          return shared.meta(located)
        },
      },
    ]
  })
}

/** A name for the instance's own address, its node's name where it has none, the host name if that is what it has. */
function targetOf({ node, service }: Located, place: Place, view: DnsView): Labels {
  if ('host' in place) return place.host
  const name = nodeName(node.Node, view)
  return service.Address === '' && isName(name) ? name : addressName(place.address, view)
}

function weightOf(located: Located, view: DnsView): number {
  const { Weights } = located.service
  return statusOf(located, view) === 'warning' ? Weights.Warning : Weights.Passing
}

/** Catalog writes may hold numbers that no SRV record can. */
const in16Bits = (value: number) => Math.min(Math.max(Math.trunc(value), 0), 65_535)

/** What several instances have in common is one record, which is sent once. */
class SharedRecords {
  readonly #view: DnsView
  readonly #addresses = new Map<string, ResourceRecord>()
  readonly #meta = new Map<string, readonly ResourceRecord[]>()

  constructor(view: DnsView) {
    this.#view = view
  }

  address(name: Labels, address: Uint8Array, ttl: number): ResourceRecord {
    return getOrMake(this.#addresses, name.join('.'), () => addressRecord(name, address, ttl))
  }

  meta({ node }: Located): readonly ResourceRecord[] {
    if (!this.#view.settings.nodeMetaTxt) return []
    return getOrMake(this.#meta, node.Node, () => metaRecords(node, nodeName(node.Node, this.#view), this.#view))
  }
}

function getOrMake<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
