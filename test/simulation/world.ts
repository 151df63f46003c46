/**
 * All that the twin knows at one index, as lists, and what a write can do to them. Each function changes the copy of the world
 * that a write works on; `world.index` is already the write's own.
 */
import { isDeepStrictEqual } from 'node:util'

export interface Indexes {
  CreateIndex: number
  ModifyIndex: number
}

export type Status = 'passing' | 'warning' | 'critical'

export interface Service {
  Node: string
  ID: string
  Service: string
  Port: number
  Tags: string[]
}

export interface Check {
  Node: string
  CheckID: string
  ServiceID: string
  Status: Status
  Output: string
}

export interface Pair {
  Key: string
  Value: string
  Flags: number
  LockIndex: number
  Session: string
}

export interface Session {
  ID: string
  Node: string
  Behavior: 'release' | 'delete'
  LockDelay: number
  NodeChecks: string[]
}

export type Kept<T> = T & Indexes

/** All that is stored, at one index. */
export interface World {
  index: number
  nodes: Kept<{ Node: string; Address: string }>[]
  services: Kept<Service>[]
  checks: Kept<Check & { ServiceName: string; ServiceTags: string[] }>[]
  kv: Kept<Pair>[]
  sessions: Kept<Session>[]
  /** Keys that refuse locks, and the session whose end is the reason. */
  delays: { Key: string; Session: string }[]
  /** Key → index of its last change or deletion. */
  keyChanges: Record<string, number>
  /** Index of the last write that took the last instance of a service. */
  extinction: number
  /** Index at the last start: when things changed before it is not stored, so all of them report this. */
  loadedAt: number
}

export const EMPTY: World = {
  ...{ index: 1, nodes: [], services: [], checks: [], kv: [], sessions: [], delays: [], keyChanges: {} },
  ...{ extinction: 0, loadedAt: 0 },
}

/** Replaces the record that `isOld` finds. False when it is an equal one, which stays as it is. */
export function put<T extends object>(world: World, list: Kept<T>[], isOld: (one: T) => boolean, body: T): boolean {
  const at = list.findIndex(isOld)
  const { CreateIndex, ModifyIndex } = list[at] ?? { CreateIndex: world.index, ModifyIndex: world.index }
  if (isDeepStrictEqual(list[at], { ...body, CreateIndex, ModifyIndex })) return false
  list.splice(at < 0 ? list.length : at, at < 0 ? 0 : 1, { ...body, CreateIndex, ModifyIndex: world.index })
  return true
}

/** With the name and tags that its service has now. */
export function putCheck(world: World, check: Check): void {
  const { Node, CheckID, ServiceID, Status: status, Output } = check
  const owner = world.services.find((one) => one.Node === Node && one.ID === ServiceID)
  const known = world.checks.find((one) => one.Node === Node && one.CheckID === CheckID)
  const ServiceName = 'ServiceName' in check ? known!.ServiceName : (owner?.Service ?? '')
  const ServiceTags = 'ServiceTags' in check ? known!.ServiceTags : (owner?.Tags ?? [])
  const body = { Node, CheckID, ServiceID, Status: status, Output, ServiceName, ServiceTags }
  put(world, world.checks, (one) => one.Node === Node && one.CheckID === CheckID, body)
}

export function removeService(world: World, node: string, id: string): void {
  world.services = world.services.filter(({ Node, ID }) => Node !== node || ID !== id)
  world.checks = world.checks.filter(({ Node, ServiceID }) => Node !== node || ServiceID !== id)
}

export function removeNode(world: World, node: string): void {
  world.nodes = world.nodes.filter(({ Node }) => Node !== node)
  world.services = world.services.filter(({ Node }) => Node !== node)
  world.checks = world.checks.filter(({ Node }) => Node !== node)
}

/** False when the key is not as `cas`, `acquire` or `release` want it. */
export function setKey(
  world: World,
  { Key, Value, Flags }: Pick<Pair, 'Key' | 'Value' | 'Flags'>,
  { cas, acquire, release }: { cas?: number; acquire?: string; release?: string },
): boolean {
  const old = world.kv.find((pair) => pair.Key === Key)
  const holder = old?.Session ?? ''
  if (cas !== undefined && cas !== (old?.ModifyIndex ?? 0)) return false
  if (release !== undefined && (old === undefined || holder !== release)) return false
  const isDelayed = world.delays.some((delay) => delay.Key === Key)
  if (acquire !== undefined && (isDelayed || (holder !== '' && holder !== acquire))) return false
  const locks = acquire !== undefined || release !== undefined
  const taken = acquire !== undefined && holder === '' ? 1 : 0
  const LockIndex = locks ? (old?.LockIndex ?? 0) + taken : 0
  const Session = acquire ?? (release === undefined ? holder : '')
  const body = { Key, Value, Flags, LockIndex, Session }
  if (put(world, world.kv, (pair) => pair.Key === Key, body)) world.keyChanges[Key] = world.index
  return true
}

export function removeKeys(world: World, isGone: (pair: Kept<Pair>) => boolean): void {
  for (const { Key } of world.kv.filter(isGone)) world.keyChanges[Key] = world.index
  world.kv = world.kv.filter((pair) => !isGone(pair))
}

export function isAlive(world: World, { Node, NodeChecks }: Session): boolean {
  const passes = (id: string) =>
    world.checks.some((one) => one.Node === Node && one.CheckID === id && one.Status !== 'critical')
  return world.nodes.some((one) => one.Node === Node) && NodeChecks.every(passes)
}

/** Its keys are freed or deleted, and delayed. */
export function end(world: World, id: string): void {
  const session = world.sessions.find(({ ID }) => ID === id)
  if (session === undefined) return
  world.sessions = world.sessions.filter((one) => one !== session)
  for (const pair of world.kv.filter(({ Session: holder }) => holder === id)) {
    if (session.LockDelay > 0) {
      world.delays = [...world.delays.filter(({ Key }) => Key !== pair.Key), { Key: pair.Key, Session: id }]
    }
    if (session.Behavior === 'delete') removeKeys(world, (one) => one === pair)
    else Object.assign(pair, { Session: '', ModifyIndex: world.index })
    world.keyChanges[pair.Key] = world.index
  }
}
