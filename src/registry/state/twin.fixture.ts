/**
 * A dumb twin of the state for tests: lists, no indexes, everything looked up from scratch. Slow and obvious, so that
 * what both say alike is probably right.
 */
import type { CheckInput, Command, Register } from './commands.ts'
import type { CheckBody, KvBody, NodeBody, ServiceBody } from './records.ts'

export class Twin {
  nodes: NodeBody[] = []
  services: ServiceBody[] = []
  checks: CheckBody[] = []
  kv: (KvBody & { modified: number })[] = []

  apply(command: Command, index: number): void {
    if (command.type === 'register') this.#register(command)
    else if (command.type === 'deregister') this.#deregister(command.node, command.serviceId, command.checkId)
    else if (command.type === 'set-status')
      this.#setStatus(command.node, command.checkId, command.status, command.output)
    else if (command.type === 'kv-set') this.#set(command.key, command.value, command.flags, command.cas, index)
    else this.#delete(command.key, command.recurse, command.cas)
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

  #setStatus(node: string, checkId: string, Status: CheckBody['Status'], Output: string): void {
    this.checks = this.checks.map((check) =>
      check.Node === node && check.CheckID === checkId ? { ...check, Status, Output } : check,
    )
  }

  #set(Key: string, Value: string, Flags: string, cas: number | undefined, modified: number): void {
    const before = this.kv.find((pair) => pair.Key === Key)
    if (cas !== undefined && cas !== (before?.modified ?? 0)) return
    if (before?.Value === Value && before.Flags === Flags) return
    this.kv = [...this.kv.filter((pair) => pair.Key !== Key), { Key, Value, Flags, LockIndex: 0, modified }]
  }

  #delete(key: string, recurse: boolean, cas: number | undefined): void {
    this.kv = this.kv.filter((pair) => {
      if (recurse) return !pair.Key.startsWith(key)
      return pair.Key !== key || (cas !== undefined && cas !== pair.modified)
    })
  }
}
