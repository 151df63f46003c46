/** What can be asked, what the twin answers, and what of the registry's answer is compared with it. */
import { isDeepStrictEqual } from 'node:util'
import type { Indexes, World } from './world.ts'

type Moved = (path: string) => number

export interface Question {
  readonly path: string
  /** The index that the answer reports. */
  index(world: World, moved: Moved): number
  /** What a watcher of it waits for: when this changes it looks again. */
  about(world: World): unknown
  /** What is shown; undefined = 404. */
  answer(world: World): unknown
  /** The same of the registry's answer. */
  read(body: unknown): unknown
  /** Sleeps through what leaves the answer as it is. */
  readonly suppresses: boolean
}

/** An instance as health/service shows it. */
interface Entry {
  readonly Node: World['nodes'][number]
  readonly Service: World['services'][number]
  readonly Checks: World['checks']
}

/** An instance as catalog/service shows it. */
interface Placed extends Indexes {
  readonly Node: string
  readonly Address: string
  readonly ServiceID: string
  readonly ServicePort: number
  readonly ServiceTags: readonly string[]
}

const NAMES = ['web', 'api']
const NODES = ['node1', 'n2']
const PREFIXES = ['', 'a', 'a/', 'none']
export const KEYS: readonly string[] = ['a', 'a/b', 'a/c', 'b']

const sorted = (items: readonly unknown[]) => items.map((one) => JSON.stringify(one)).sort()
const indexes = ({ CreateIndex, ModifyIndex }: Indexes) => [CreateIndex, ModifyIndex]

/** Whose instances are about the service: nodes, instances, checks of both. */
function parts(world: World, name: string) {
  const services = world.services.filter(({ Service }) => Service === name)
  const nodes = world.nodes.filter(({ Node }) => services.some((one) => one.Node === Node))
  const checks = world.checks.filter(({ Node, ServiceID }) =>
    services.some((one) => one.Node === Node && (ServiceID === '' || ServiceID === one.ID)),
  )
  return { services, nodes, checks }
}

/** Records without their outputs: those are shown, but they move nothing. */
const keys = (records: readonly Indexes[]) =>
  sorted(
    records.map((one) => {
      const { Output: _, ...rest } = one as Indexes & { Output?: string }
      return rest
    }),
  )

const TABLES = {
  nodes: (world: World) => keys(world.nodes),
  services: (world: World) => keys(world.services),
  checks: (world: World) => keys(world.checks),
  sessions: (world: World) => keys(world.sessions),
}

/** Not asked: the indexes of tables are made of them. */
const table = (name: keyof typeof TABLES): Question => ({
  path: name,
  index: () => 0,
  about: TABLES[name],
  answer: () => undefined,
  read: () => undefined,
  suppresses: true,
})

const ofService = (name: string): Question => ({ ...table('nodes'), path: name, about: (world) => about(world, name) })

function about(world: World, name: string): unknown {
  const { services, nodes, checks } = parts(world, name)
  return [keys(services), keys(nodes), keys(checks)]
}

/** Of a service without instances: when the last instance of any went; else that of the youngest table. */
function serviceIndex(world: World, moved: Moved, name: string): number {
  if (world.services.some(({ Service }) => Service === name)) return moved(name)
  return world.extinction || Math.max(moved('nodes'), moved('services'), moved('checks'))
}

function showCheck(check: World['checks'][number]) {
  const { Node, CheckID, ServiceID, ServiceName, ServiceTags, Status, Output } = check
  return [Node, CheckID, ServiceID, ServiceName, ServiceTags, Status, Output, ...indexes(check)]
}

function health(name: string, passing: boolean): Question {
  const answer = (world: World) => {
    const { services, nodes, checks } = parts(world, name)
    const entries = services.map((service) => {
      const node = nodes.find(({ Node }) => Node === service.Node)!
      const own = checks.filter(
        ({ Node, ServiceID }) => Node === service.Node && (ServiceID === '' || ServiceID === service.ID),
      )
      return { node, service, own }
    })
    const shown = entries.filter(({ own }) => !passing || own.every(({ Status }) => Status === 'passing'))
    return sorted(
      shown.map(({ node, service: { ID, Port, Tags, ...rest }, own }) => [
        ...[node.Node, node.Address, ...indexes(node), ID, Port, Tags, ...indexes(rest)],
        sorted(own.map(showCheck)),
      ]),
    )
  }
  return {
    path: `health/service/${name}${passing ? '?passing' : ''}`,
    index: (world, moved) => serviceIndex(world, moved, name),
    about: (world) => [about(world, name), world.extinction],
    answer,
    read: (body) =>
      sorted(
        (body as Entry[]).map(({ Node, Service, Checks }) => [
          ...[Node.Node, Node.Address, ...indexes(Node), Service.ID, Service.Port, Service.Tags, ...indexes(Service)],
          sorted(Checks.map(showCheck)),
        ]),
      ),
    suppresses: true,
  }
}

function catalog(name: string): Question {
  return {
    path: `catalog/service/${name}`,
    index: (world, moved) => serviceIndex(world, moved, name),
    about: (world) => {
      const { services, nodes } = parts(world, name)
      return [keys(services), keys(nodes), world.extinction]
    },
    answer: (world) => {
      const { services, nodes } = parts(world, name)
      return sorted(
        services.map((one) => {
          const { Address } = nodes.find(({ Node }) => Node === one.Node)!
          return [one.Node, Address, one.ID, one.Port, one.Tags, ...indexes(one)]
        }),
      )
    },
    read: (body) =>
      sorted(
        (body as Placed[]).map((one) => [
          ...[one.Node, one.Address, one.ServiceID, one.ServicePort, one.ServiceTags],
          ...indexes(one),
        ]),
      ),
    suppresses: true,
  }
}

const services: Question = {
  path: 'catalog/services',
  index: (_world, moved) => moved('services'),
  about: TABLES.services,
  answer: (world) => {
    const names = [...new Set(world.services.map(({ Service }) => Service))]
    const tags = (name: string) =>
      new Set(world.services.filter(({ Service }) => Service === name).flatMap(({ Tags }) => Tags))
    return sorted(names.map((name) => [name, [...tags(name)].sort()]))
  },
  read: (body) => sorted(Object.entries(body as Record<string, string[]>).map(([name, tags]) => [name, tags.sort()])),
  suppresses: false,
}

const nodes: Question = {
  path: 'catalog/nodes',
  index: (_world, moved) => moved('nodes'),
  about: TABLES.nodes,
  answer: (world) => sorted(world.nodes.map((one) => [one.Node, one.Address, ...indexes(one)])),
  read: (body) => sorted((body as World['nodes']).map((one) => [one.Node, one.Address, ...indexes(one)])),
  suppresses: true,
}

function checks(
  path: string,
  of: (world: World, check: World['checks'][number]) => boolean,
  watched: Question['about'],
): Question {
  return {
    path: `health/${path}`,
    index: (_world, moved) => moved('checks'),
    about: watched,
    answer: (world) => sorted(world.checks.filter((check) => of(world, check)).map(showCheck)),
    read: (body) => sorted((body as World['checks']).map(showCheck)),
    suppresses: true,
  }
}

const instanceOf = (world: World, name: string, check: World['checks'][number]) =>
  world.services.some(({ Service, Node, ID }) => Service === name && Node === check.Node && ID === check.ServiceID)

const showPair = (pair: World['kv'][number]) => [
  ...[pair.Key, pair.Value === '' ? null : pair.Value, pair.Flags, pair.LockIndex, pair.Session ?? ''],
  ...indexes(pair),
]

const kvTable = (world: World) => Math.max(world.loadedAt, ...Object.values(world.keyChanges))

const key = (name: string): Question => ({
  path: `kv/${name}`,
  index: (world) => world.kv.find(({ Key }) => Key === name)?.ModifyIndex ?? kvTable(world),
  about: (world) => world.keyChanges[name],
  answer: (world) => {
    const pair = world.kv.find(({ Key }) => Key === name)
    return pair && [showPair(pair)]
  },
  read: (body) => (body as World['kv']).map(showPair),
  suppresses: false,
})

function under(prefix: string, names: boolean): Question {
  const pairs = (world: World) => world.kv.filter(({ Key }) => Key.startsWith(prefix))
  const changes = (world: World) => Object.entries(world.keyChanges).filter(([name]) => name.startsWith(prefix))
  return {
    path: `kv/${prefix}?${names ? 'keys' : 'recurse'}`,
    index: (world) =>
      pairs(world).length === 0 ? kvTable(world) : Math.max(world.loadedAt, ...changes(world).map(([, at]) => at)),
    about: changes,
    answer: (world) => {
      const found = pairs(world)
      if (found.length === 0 && !(names && prefix === '')) return undefined
      return names ? found.map(({ Key }) => Key).sort() : sorted(found.map(showPair))
    },
    read: (body) => (names ? body : sorted((body as World['kv']).map(showPair))),
    suppresses: false,
  }
}

const sessions: Question = {
  path: 'session/list',
  index: (_world, moved) => moved('sessions'),
  about: TABLES.sessions,
  answer: (world) => sorted(world.sessions.map((one) => [one.ID, one.Node, one.NodeChecks, ...indexes(one)])),
  read: (body) => sorted((body as World['sessions']).map((one) => [one.ID, one.Node, one.NodeChecks, ...indexes(one)])),
  suppresses: false,
}

export const ASKED: readonly Question[] = [
  ...NAMES.flatMap((name) => [health(name, false), health(name, true), catalog(name)]),
  ...NAMES.map((name) =>
    checks(
      `checks/${name}`,
      (world, check) => instanceOf(world, name, check),
      (world) => about(world, name),
    ),
  ),
  ...NODES.map((node) =>
    checks(
      `node/${node}`,
      (_world, { Node }) => Node === node,
      (world) => keys(world.checks.filter(({ Node }) => Node === node)),
    ),
  ),
  checks('state/any', () => true, TABLES.checks),
  checks('state/critical', (_world, { Status }) => Status === 'critical', TABLES.checks),
  ...[services, nodes, sessions],
  ...KEYS.map(key),
  ...PREFIXES.flatMap((prefix) => [under(prefix, false), under(prefix, true)]),
]

export const QUESTIONS: readonly Question[] = [
  ...ASKED,
  ...(Object.keys(TABLES) as (keyof typeof TABLES)[]).map(table),
  ...[...NAMES, 'consul'].map(ofService),
]

export function isMoved({ about: watched }: Question, before: World, after: World): boolean {
  return !isDeepStrictEqual(watched(before), watched(after))
}
