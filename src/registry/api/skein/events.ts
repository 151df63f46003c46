/**
 * GET /v1/skein/events?service=a&service=b (none = all): one connection (server-sent events) in place of a blocking query
 * for each service. Data is JSON:
 *
 *     start     {"Resumed": bool}: after false, forget every service that gets no snapshot before `ready`
 *     snapshot  {"Service", "Instances": [as in health/service]}: all of a service, in place of what was known
 *     instance  {"Service", "Node", "ID", "Instance": as in health/service, or null when it is gone}
 *     ready     {}: all that was to be caught up on is there
 *
 * An id is the index and which run of which registry counted it; sent back as Last-Event-ID, or `index=`, it resumes: only
 * services that changed since get a snapshot. An index without a run is taken on trust. A comment comes every 15 s. When the
 * reader's rights change the stream ends: its next one shows what may be seen now.
 */
import { hash } from 'node:crypto'
import type { Rights } from '../../acl/contract.ts'
import { Sight } from '../../acl/sight.ts'
import { Refusal } from '../../state/refusal.ts'
import { RESOURCE } from '../../state/resources.ts'
import type { State } from '../../state/state.ts'
import { Encoded, encodeJson } from '../encoded.ts'
import type { Answer, ApiRequest, Registry } from '../endpoint.ts'
import { showEntry } from '../health.ts'
import { order } from '../select.ts'
import { EventStream, event, type StreamSource } from './event-stream.ts'

/** Each may have a snapshot waiting in its socket. */
const STREAMS_MAX = 1024

export async function events(request: ApiRequest, registry: Registry): Promise<Answer> {
  const { store, feed } = registry
  if (feed.size >= STREAMS_MAX) {
    throw new Refusal(429, `Too many event streams are open (${STREAMS_MAX}); use one for several services`)
  }
  const named = request.query.all('service').filter((name) => name !== '')
  const since = readId(
    request.header('last-event-id') || request.query.get('index') || '',
    runOf(registry, request.rights),
  )
  await store.catchUp()
  return {
    status: 200,
    headers: ['Content-Type', 'text/event-stream', 'Cache-Control', 'no-store', 'X-Accel-Buffering', 'no'],
    stream(out) {
      const behind = servicesSince(store.state, named, since)
      const { rights } = request
      const stream = new EventStream(sourceOf(registry, named, rights), out, behind.services)
      const leave = feed.add(stream)
      const forget = store.hub.follow([RESOURCE.acl], () => endIfChanged(stream, request, rights))
      out.on('close', () => {
        leave()
        forget()
        stream.stop()
      })
      stream.start(behind.resumed)
      if (store.hub.closed) stream.end()
    },
  }
}

function endIfChanged(stream: EventStream, request: ApiRequest, before: Rights): void {
  try {
    if (request.rights.key === before.key) return
  } catch (error) {
    if (!(error instanceof Refusal)) throw error // the token is gone, which its owner hears when they come again
  }
  stream.end()
}

/** With other rights nothing is resumed: they see other services. Nor in a store that has gone back in time. */
function runOf({ feed, store }: Registry, { key }: Rights): string {
  const run = feed.run + store.state.generation.toString(16)
  return key === '' ? run : run + hash('sha256', key).slice(0, 8)
}

/** 0 where nothing can be resumed: no id, or one of another run. */
function readId(text: string, ownRun: string): number {
  if (text === '') return 0
  const [, index, run] = /^(\d{1,16})(?:-([0-9a-f]+))?$/.exec(text) ?? []
  if (index === undefined) throw new Refusal(400, 'Invalid index')
  return run === undefined || run === ownRun ? Number(index) : 0
}

/** Which snapshots a reader needs that has seen everything up to `since`. Names that went away leave no trace but the time. */
function servicesSince(state: State, named: readonly string[], since: number) {
  const all = named.length > 0 ? named : [...state.instances.names()]
  const missed = named.length === 0 && state.indexOf(RESOURCE.extinction) > since
  const resumed = since > 0 && since <= state.index && !missed
  return { resumed, services: resumed ? all.filter((name) => state.serviceIndex(name) > since) : all }
}

function sourceOf(registry: Registry, named: readonly string[], rights: Rights): StreamSource {
  const names = new Set(named)
  const { state } = registry.store
  return {
    clock: registry.clock,
    follows: (service, node) => (names.size === 0 || names.has(service)) && new Sight(rights).instance(node, service),
    snapshot: (service) => snapshot(registry, service, rights),
    id: () => `${state.index}-${runOf(registry, rights)}`,
  }
}

/** Encoded once for all who begin at the same state. */
function snapshot({ store, cache, datacenter }: Registry, name: string, rights: Rights): Buffer {
  const { state } = store
  const version = `${state.generation}/${state.serviceIndex(name)}/${state.outputVersion(name)}`
  const encode = () => {
    const sight = new Sight(rights)
    const services = [...state.instances.get(name).values()].sort((a, b) => order(a.Node, b.Node) || order(a.ID, b.ID))
    const Instances = services.flatMap((service) => {
      const node = state.nodes.get(service.Node)
      if (node === undefined || !sight.instance(service.Node, name)) return []
      return [showEntry(state, { node, service }, datacenter)]
    })
    return new Encoded(event('snapshot', encodeJson({ Service: name, Instances })))
  }
  return cache.get(JSON.stringify([rights.key, 'events', name]), version, encode).bytes
}
