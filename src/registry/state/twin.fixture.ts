/**
 * A dumb twin of the state for tests: lists, no indexes, everything looked up from scratch. Slow and obvious, so that
 * what both say alike is probably right.
 */
import { isDeepStrictEqual } from 'node:util'
import type { CheckInput, Command, KvSet, Register } from './commands.ts'
import type { CheckBody, KvBody, NodeBody, RemovedBody, ServiceBody, SessionBody } from './records.ts'

export class Twin {
  nodes: NodeBody[] = []
  services: ServiceBody[] = []
  checks: CheckBody[] = []
  kv: (KvBody & { modified: number })[] = []
  sessions: SessionBody[] = []
  removed: RemovedBody[] = []
  /** Key → session whose end delays its lock. */
  delays: Record<string, string> = {}

  apply(command: Command, index: number): void {
    this.#applyAlone(command, index)
    const lives = (session: SessionBody) =>
      this.nodes.some(({ Node }) => Node === session.Node) &&
      session.NodeChecks.every((id) =>
        this.checks.some(
          ({ Node, CheckID, Status }) => Node === session.Node && CheckID === id && Status !== 'critical',
        ),
      )
    for (const session of this.sessions.filter((one) => !lives(one))) this.#end(session.ID, index)
  }

  #applyAlone(command: Command, index: number): void {
    const { type } = command
    if (type === 'register') this.#register(command)
    else if (type === 'deregister') this.#deregister(command.node, command.serviceId, command.checkId)
    else if (type === 'remove') this.#remove(command.removed)
    else if (type === 'allow') this.removed = this.removed.filter((one) => !isOf(one, command.node, command.serviceId))
    else if (type === 'set-status') this.#setStatus(command.node, command.checkId, command.status, command.output)
    else if (type === 'kv-set') this.#set(command, index)
    else if (type === 'kv-delete') this.#delete(command.key, command.recurse, command.cas)
    else if (type === 'session-create') this.sessions.push(command.session)
    else if (type === 'session-end') this.#end(command.id, index)
    else if (type === 'delay-end' && this.delays[command.key] === command.session) delete this.delays[command.key]
  }

  #end(id: string, modified: number): void {
    const session = this.sessions.find(({ ID }) => ID === id)
    if (session === undefined) return
    this.sessions = this.sessions.filter((one) => one !== session)
    for (const { Key } of this.kv.filter(({ Session }) => Session === id)) {
      if (session.LockDelay > 0) this.delays[Key] = id
    }
    const free = ({ Session, ...pair }: KvBody & { modified: number }) =>
      Session !== id
        ? [{ ...pair, ...(Session === undefined ? {} : { Session }) }]
        : session.Behavior === 'delete'
          ? []
          : [{ ...pair, modified }]
    this.kv = this.kv.flatMap(free)
  }

  #register({ node, skipNodeUpdate, service, checks, keepStatus, replaceChecks }: Register): void {
    const known = this.nodes.some(({ Node }) => Node === node.Node)
    if (!known || !skipNodeUpdate) this.nodes = [...this.nodes.filter(({ Node }) => Node !== node.Node), node]
    if (service !== undefined) {
      const others = this.services.filter(({ Node, ID }) => Node !== node.Node || ID !== service.ID)
      this.services = [...others, { Node: node.Node, ...service }]
    }
    if (replaceChecks && service !== undefined) {
      const listed = checks.map(({ CheckID }) => CheckID)
      this.checks = this.checks.filter(
        ({ Node, ServiceID, CheckID }) => Node !== node.Node || ServiceID !== service.ID || listed.includes(CheckID),
      )
    }
    const meant = checks.filter(({ CheckID }, i) => !checks.slice(i + 1).some((later) => later.CheckID === CheckID))
    for (const check of meant) this.#check(node.Node, check, keepStatus)
  }

  #check(node: string, check: CheckInput, keepStatus: boolean): void {
    const same = ({ Node, CheckID }: CheckBody) => Node === node && CheckID === check.CheckID
    const before = this.checks.find(same)
    const owner = this.services.find(({ Node, ID }) => Node === node && ID === check.ServiceID)
    const body = { Node: node, ...check, ServiceName: owner?.Service ?? '', ServiceTags: owner?.Tags ?? [] }
    const kept = keepStatus && before !== undefined ? { Status: before.Status, Output: before.Output } : {}
    this.checks = [...this.checks.filter((one) => !same(one)), { ...body, ...kept }]
  }

  #deregister(node: string, serviceId: string | undefined, checkId: string | undefined): void {
    const whole = serviceId === undefined && checkId === undefined
    if (whole) this.nodes = this.nodes.filter(({ Node }) => Node !== node)
    this.services = this.services.filter(({ Node, ID }) => Node !== node || !(whole || ID === serviceId))
    this.checks = this.checks.filter(({ Node, ServiceID, CheckID }) => {
      const hit = whole || (serviceId === undefined ? CheckID === checkId : ServiceID === serviceId)
      return Node !== node || !hit
    })
  }

  #remove(removed: RemovedBody): void {
    const { Node, ServiceID } = removed
    this.removed = [...this.removed.filter((one) => !isOf(one, Node, ServiceID)), removed]
    this.#deregister(Node, ServiceID, undefined)
  }

  #setStatus(node: string, checkId: string, Status: CheckBody['Status'], Output: string): void {
    this.checks = this.checks.map((check) =>
      check.Node === node && check.CheckID === checkId ? { ...check, Status, Output } : check,
    )
  }

  #set({ key, value, flags, cas, acquire, release }: KvSet, modified: number): void {
    const before = this.kv.find((pair) => pair.Key === key)
    if (cas !== undefined && cas !== (before?.modified ?? 0)) return
    if (release !== undefined && before?.Session !== release) return
    const taken = before?.Session !== undefined && before.Session !== acquire
    if (acquire !== undefined && (taken || this.delays[key] !== undefined)) return
    const free = before?.Session === undefined
    const LockIndex =
      acquire === undefined && release === undefined
        ? 0
        : (before?.LockIndex ?? 0) + (acquire !== undefined && free ? 1 : 0)
    const holder = acquire ?? (release === undefined ? before?.Session : undefined)
    const after = {
      Key: key,
      Value: value,
      Flags: flags,
      LockIndex,
      ...(holder === undefined ? {} : { Session: holder }),
    }
    const { modified: _, ...known } = before ?? { modified: 0 }
    if (isDeepStrictEqual(known, after)) return
    this.kv = [...this.kv.filter((pair) => pair.Key !== key), { ...after, modified }]
  }

  #delete(key: string, recurse: boolean, cas: number | undefined): void {
    this.kv = this.kv.filter((pair) => {
      if (recurse) return !pair.Key.startsWith(key)
      return pair.Key !== key || (cas !== undefined && cas !== pair.modified)
    })
  }
}

const isOf = ({ Node, ServiceID }: RemovedBody, node: string, serviceId: string) =>
  Node === node && ServiceID === serviceId
