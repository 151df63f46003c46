/** /v1/event: short messages to whoever listens. */
import { Sight } from '../acl/sight.ts'
import { blockingQuery } from '../blocking-query.ts'
import { type EventInput, eventIndex, type UserEvent } from '../event-log.ts'
import { compileRegExp } from '../filter/regexp.ts'
import { Steps } from '../filter/steps.ts'
import { Refusal } from '../state/refusal.ts'
import { RESOURCE } from '../state/resources.ts'
import { type Answer, type ApiRequest, BODY_MAX_BYTES, type Endpoint, json, nameOf, type Registry } from './endpoint.ts'
import { checkCommon, filteredHeader } from './read.ts'

export const EVENT: readonly Endpoint[] = [
  { path: '/v1/event/fire/', PUT: fire },
  { path: '/v1/event/list', GET: list },
]

/** Consul's: events travel in gossip packets there. */
const SIZE_MAX = 512

async function fire(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const Name = nameOf(request, 'Missing name')
  request.rights.require('event', 'write', Name)
  const payload = await request.body(BODY_MAX_BYTES)
  if (Buffer.byteLength(Name) + payload.length > SIZE_MAX) {
    throw new Refusal(500, `user event exceeds configured limit of ${SIZE_MAX} bytes before encoding`)
  }
  const filter = (name: string) => request.query.get(name) ?? ''
  const input: EventInput = {
    Name,
    Payload: payload.length === 0 ? null : payload.toString('base64'),
    ...{ NodeFilter: filter('node'), ServiceFilter: filter('service'), TagFilter: filter('tag') },
  }
  const event = registry.events.fire(input, isMeant(input, registry))
  return json({ ...show(event), LTime: 0 })
}

/** A filter is matched against the registry's own node and the services on it. */
function isMeant({ NodeFilter, ServiceFilter, TagFilter }: EventInput, { store, node }: Registry): boolean {
  const ofNode = filterBy('node', NodeFilter)
  const ofService = filterBy('service', ServiceFilter)
  const ofTag = filterBy('tag', TagFilter)
  if (TagFilter !== '' && ServiceFilter === '') {
    throw new Refusal(500, 'Cannot provide tag filter without service filter')
  }
  if (!ofNode(node)) return false
  const services = [...store.state.servicesOnNode.get(node).values()]
  const meant = ({ Service, Tags }: (typeof services)[number]) =>
    ofService(Service) && (TagFilter === '' || Tags.some(ofTag))
  return ServiceFilter === '' || services.some(meant)
}

function filterBy(what: string, pattern: string): (text: string) => boolean {
  try {
    return pattern === '' ? () => true : compileRegExp(pattern, new Steps(`${what} filter`))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new Refusal(500, `Invalid ${what} filter: ${error.message}: \`${pattern}\``)
  }
}

/** Held while the index *equals* the one given: it is a hash and does not rise. */
async function list(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const { query, onGone } = request
  query.index() // refuses what is no number
  const asked = BigInt(query.get('index') || '0')
  const read = () => {
    const sight = new Sight(request.rights)
    const events = registry.events.list(query.get('name') ?? '').filter(({ Name }) => sight.event(Name))
    return { events, index: eventIndex(events), isPartial: sight.isPartial }
  }
  const { store, clock, random } = registry
  const isNews = ({ index }: ReturnType<typeof read>) => asked === 0n || index !== asked
  const waiting = { hub: store.hub, clock, random, onGone }
  const question = { resources: [RESOURCE.events, RESOURCE.acl], read, isNews }
  const { events, index, isPartial } = await blockingQuery(question, query.wait(), waiting)
  return json(events.map(show), 200, ['X-Consul-Index', String(index), ...filteredHeader(request, isPartial)])
}

function show({ ID, Name, Payload, NodeFilter, ServiceFilter, TagFilter, Version, LTime }: UserEvent) {
  return { ID, Name, Payload, NodeFilter, ServiceFilter, TagFilter, Version, LTime }
}
