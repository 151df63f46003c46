/**
 * A dumb twin of the whole registry: lists that are copied for each write, every index found by comparing what there was
 * before and after. Slow and obvious, so that what both say alike is probably right. It shares no code with the registry.
 */
import { isDeepStrictEqual } from 'node:util'
import { isMoved, QUESTIONS, type Question } from './questions.ts'
import { EMPTY, end, isAlive, putCheck, type Status, type World } from './world.ts'

interface Timer {
  readonly name: string
  readonly due: number
  run(): void
}

const SESSION_TTL_MS = 10_000
export const CHECK_TTL_MS = 20_000
const GRACE = 2
export const LOCK_DELAY_MS = 3000

export class Twin {
  world: World = structuredClone(EMPTY)
  /** Virtual time, ms. */
  now = 0
  timers: Timer[] = []
  /** Question → index of the write that last changed what it is about. */
  readonly #moved = new Map<string, number>()
  /** Outputs as they are stored: one that came alone is shown, and forgotten by a restart. */
  readonly #stored = new Map<string, string>()
  /** What each TTL check said last, which its expiry repeats. */
  readonly #words = new Map<string, string>()
  /** Told of each write. */
  onWrite: (moved: (question: Question) => boolean) => void = () => {}

  /** As a registry starts: its own node with the service `consul`. */
  constructor(node: string) {
    const indexes = { CreateIndex: 1, ModifyIndex: 1 }
    this.world.nodes.push({ Node: node, Address: '127.0.0.1', ...indexes })
    this.world.services.push({ Node: node, ID: 'consul', Service: 'consul', Port: 8300, Tags: [], ...indexes })
    const serf = { Node: node, CheckID: 'serfHealth', ServiceID: '', Status: 'passing' as const }
    const texts = { Output: 'Agent alive and reachable', ServiceName: '', ServiceTags: [] }
    this.world.checks.push({ ...serf, ...texts, ...indexes })
    for (const question of QUESTIONS) if (isMoved(question, EMPTY, this.world)) this.#moved.set(question.path, 1)
  }

  indexOf(question: Question): number {
    return Math.max(
      1,
      question.index(this.world, (path) => this.#moved.get(path) ?? 0),
    )
  }

  /** One write: nothing of it is there if it throws or changes nothing. */
  write(change: (world: World) => void): void {
    const before = this.world
    const after = structuredClone(before)
    after.index++
    change(after)
    for (const session of after.sessions.filter((one) => !isAlive(after, one))) end(after, session.ID)
    if (isDeepStrictEqual({ ...after, index: before.index }, before)) return
    const names = (world: World) => new Set(world.services.map(({ Service: name }) => name))
    if (!names(before).isSubsetOf(names(after))) after.extinction = after.index
    this.world = after
    const moved = new Set(QUESTIONS.filter((question) => isMoved(question, before, after)))
    for (const { path } of moved) this.#moved.set(path, after.index)
    for (const check of after.checks) {
      if (check.ModifyIndex === after.index) this.#stored.set(`${check.Node}/${check.CheckID}`, check.Output)
    }
    this.#keepTime(before, after)
    this.onWrite((question) => moved.has(question))
  }

  /** Everything has its full time again, and reports the index of now. */
  restart(): void {
    const { world } = this
    for (const { path } of QUESTIONS) this.#moved.set(path, world.index)
    world.loadedAt = world.index
    world.extinction = world.index
    for (const check of world.checks) check.Output = this.#stored.get(`${check.Node}/${check.CheckID}`) ?? check.Output
    this.timers = []
    this.#keepTime(EMPTY, world)
  }

  /** An output alone is shown, but it is no write. */
  beat(checkId: string, status: Status, output: string): void {
    this.#startTtl(checkId, output)
    this.#show(checkId, status, output)
  }

  renewSession(id: string): boolean {
    if (!this.world.sessions.some(({ ID }) => ID === id)) return false
    this.after(`session ${id}`, SESSION_TTL_MS * GRACE, () => this.#expireSession(id))
    return true
  }

  /** TTL checks that a registration names have a full TTL from then, and their present output as last words. */
  renewCheck(checkId: string): void {
    const check = this.world.checks.find(({ CheckID }) => CheckID === checkId)
    if (check !== undefined) this.#startTtl(checkId, check.Output)
  }

  /** In place of a timer of the same name. */
  after(name: string, ms: number, run: () => void): void {
    this.stop(name)
    this.timers.push({ name, due: this.now + ms, run })
  }

  stop(name: string): void {
    this.timers = this.timers.filter((timer) => timer.name !== name)
  }

  /** Runs what is due next, if that is within `ms`; else lets `ms` pass. Returns the time that has passed. */
  step(ms: number): number {
    const end = Math.min(this.now + ms, ...this.timers.map(({ due }) => due))
    const passed = end - this.now
    this.now = end
    for (const timer of this.timers.filter(({ due }) => due === end)) {
      this.timers = this.timers.filter((one) => one !== timer)
      timer.run()
    }
    return passed
  }

  #show(checkId: string, status: Status, output: string): void {
    const check = this.world.checks.find(({ CheckID }) => CheckID === checkId)
    if (check === undefined) return
    if (check.Status === status) check.Output = output
    else this.write((world) => putCheck(world, { ...check, Status: status, Output: output }))
  }

  #startTtl(checkId: string, words: string): void {
    this.#words.set(checkId, words)
    this.after(`check ${checkId}`, CHECK_TTL_MS, () => this.#expireCheck(checkId))
  }

  #expireCheck(checkId: string): void {
    const words = this.#words.get(checkId) ?? ''
    this.#startTtl(checkId, words)
    const before = words === '' ? '' : ` (last output before timeout follows): ${words}`
    this.#show(checkId, 'critical', `TTL expired${before}`)
  }

  #expireSession(id: string): void {
    this.write((world) => end(world, id))
  }

  /** Starts and stops the clocks of what a write brought and took. */
  #keepTime(before: World, after: World): void {
    const ids = (world: World) => new Set(world.checks.filter(isTtl).map(({ CheckID }) => CheckID))
    for (const id of ids(after).difference(ids(before))) this.renewCheck(id)
    for (const id of ids(before).difference(ids(after))) this.stop(`check ${id}`)
    const sessions = (world: World) => new Set(world.sessions.map(({ ID }) => ID))
    for (const id of sessions(after).difference(sessions(before))) this.renewSession(id)
    for (const id of sessions(before).difference(sessions(after))) this.stop(`session ${id}`)
    for (const { Key, Session: id } of after.delays) {
      if (before.delays.some((delay) => delay.Key === Key && delay.Session === id)) continue
      this.after(`delay ${Key}`, LOCK_DELAY_MS, () => this.#endDelay(Key))
    }
  }

  #endDelay(key: string): void {
    this.write((world) => {
      world.delays = world.delays.filter(({ Key }) => Key !== key)
    })
  }
}

const isTtl = ({ CheckID }: { CheckID: string }) => CheckID.startsWith('service:s')
