/**
 * Instances that are taken out for good. PUT /v1/skein/remove/:id?reason=&node= deregisters one and refuses its registrations
 * with 403 from then on, however often it comes back by itself; PUT /v1/skein/allow/:id?node= ends that; GET
 * /v1/skein/removed lists them. Without `node` it is the node on which the instance is. One that is not registered at the
 * moment is removed with `force` only: a slip of the finger would be kept for ever.
 */

import { bare, onNode, type RemovedRecord, type ServiceRecord } from '../../state/records.ts'
import { Refusal } from '../../state/refusal.ts'
import { RESOURCE } from '../../state/resources.ts'
import { encodeJson } from '../encoded.ts'
import { type Answer, type ApiRequest, json, lookTwice, nameOf, type Registry } from '../endpoint.ts'
import { checkCommon, type Read } from '../read.ts'
import { order } from '../select.ts'

const MISSING = 'Missing service ID'

export async function remove(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const ServiceID = nameOf(request, MISSING)
  const { query, rights } = request
  const asked = query.get('node') || undefined
  await lookTwice(registry, () => find(registry, ServiceID, asked).length > 0)
  const [found] = find(registry, ServiceID, asked)
  if (found === undefined && !query.has('force')) throw unknown(ServiceID)
  if (ServiceID === 'consul') throw new Refusal(400, 'the registry itself cannot be removed')
  if (found === undefined) rights.require('operator', 'write')
  else rights.require('service', 'write', found.Service)
  const removed = {
    ...{ Node: found?.Node ?? asked ?? registry.node, ServiceID, Service: found?.Service ?? '' },
    ...{ Reason: query.get('reason') ?? '', Time: new Date(registry.clock.now()).toISOString() },
  }
  await registry.store.write({ type: 'remove', removed })
  return json({ ...removed, Registered: found !== undefined })
}

export async function allow(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const serviceId = nameOf(request, MISSING)
  const { query, rights } = request
  const asked = query.get('node') || undefined
  const all = () => [...registry.store.state.removed.values()].filter((one) => one.ServiceID === serviceId)
  const isMeant = ({ Node }: RemovedRecord) => asked === undefined || Node === asked
  await lookTwice(registry, () => all().some(isMeant))
  const [found] = onlyOne(all().filter(isMeant), serviceId)
  if (found === undefined) throw new Refusal(404, `Service ID ${JSON.stringify(serviceId)} is not removed`)
  if (found.Service === '') rights.require('operator', 'write')
  else rights.require('service', 'write', found.Service)
  await registry.store.write({ type: 'allow', node: found.Node, serviceId })
  return json(bare(found))
}

/** Where the instance is; the registry's own node goes before others. */
function find({ store: { state }, node }: Registry, id: string, asked: string | undefined): ServiceRecord[] {
  const here = state.services.get(onNode(asked ?? node, id))
  if (here !== undefined) return [here]
  if (asked !== undefined) return []
  return onlyOne(
    [...state.services.values()].filter(({ ID }) => ID === id),
    id,
  )
}

/** @throws Refusal 409 when several nodes have an instance of this ID. */
function onlyOne<T extends { readonly Node: string }>(found: T[], id: string): T[] {
  if (found.length < 2) return found
  const nodes = found.map(({ Node }) => Node).sort(order)
  throw new Refusal(
    409,
    `Service ID ${JSON.stringify(id)} is on several nodes (${nodes.join(', ')}): say which by node=`,
  )
}

function unknown(id: string): Refusal {
  return new Refusal(404, `Unknown service ID ${JSON.stringify(id)}; with force= it is kept out all the same`)
}

export function removed(_request: ApiRequest, { store: { state } }: Registry): Read {
  return {
    resources: [RESOURCE.removed],
    index: () => state.indexOf(RESOURCE.removed),
    encode: (sight) => {
      const seen = [...state.removed.values()].filter(({ Node, Service }) => sight.instance(Node, Service))
      return encodeJson(seen.sort((a, b) => order(a.Node, b.Node) || order(a.ServiceID, b.ServiceID)).map(bare))
    },
  }
}
