/** Registries over one fake cluster, asked as their HTTP API asks them, on one virtual clock. */
import { VirtualClock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/log.ts'
import { seeded } from '../../../core/random.ts'
import { OPEN_ACCESS } from '../../acl/access-control.ts'
import { UNLIMITED } from '../../acl/rights.ts'
import { AnswerCache } from '../../api/answer-cache.ts'
import type { ApiRequest, Registry } from '../../api/endpoint.ts'
import { QueryString } from '../../api/query-string.ts'
import { ENDPOINTS, PathTable } from '../../api/table.ts'
import { Store } from '../../store.ts'
import { EtcdStorage } from '../etcd.ts'
import { FakeCluster, FakeEtcd } from './fake-etcd.fixture.ts'

export interface Reading {
  readonly index: number
  readonly body: string
}

export interface Node {
  readonly etcd: FakeEtcd
  readonly store: Store
  /** GET of `path` with Consul's parameters. */
  ask(path: string, parameters?: string): Promise<Reading>
  /** PUT; gives the status. */
  put(path: string, body: unknown): Promise<number>
}

const PATHS = new PathTable(ENDPOINTS)

export class Simulation {
  readonly clock = new VirtualClock()
  readonly random
  readonly cluster: FakeCluster
  readonly nodes: Node[] = []

  constructor(seed: number) {
    this.random = seeded(seed)
    this.cluster = new FakeCluster(this.clock, this.random)
  }

  async addNode(lagMs = 5): Promise<Node> {
    const { clock, random } = this
    const etcd = new FakeEtcd(this.cluster, lagMs)
    const store = new Store(new EtcdStorage({ endpoints: [], clock, random, etcd }))
    const node = { etcd, store, ...this.#client(store) }
    await this.until(store.open())
    this.nodes.push(node)
    return node
  }

  /** Lets time pass until `work` is done. */
  async until<T>(work: Promise<T>, limitMs = 600_000): Promise<T> {
    let done = false
    const mark = () => {
      done = true
    }
    work.then(mark, mark)
    for (let ms = 0; !done && ms < limitMs; ms++) await this.pass(1)
    if (!done) throw new Error(`not done within ${limitMs} ms of virtual time`)
    return work
  }

  /** Lets `ms` pass, `stepMs` at a time, with all that follows from it. */
  async pass(ms: number, stepMs = 1): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(stepMs)
      await new Promise(setImmediate)
    }
  }

  #client(store: Store): Pick<Node, 'ask' | 'put'> {
    const { clock, random } = this
    const registry = {
      access: OPEN_ACCESS,
      store,
      clock,
      random,
      cache: new AnswerCache(),
      datacenter: 'dc1',
      node: 'skein',
      log: silentLogger,
      checks: { renew() {} },
    } as unknown as Registry
    const withAcls = { ...registry, access: { ...OPEN_ACCESS, enabled: true } }
    return {
      async ask(path, parameters = '') {
        const { endpoint, name } = PATHS.match(path)!
        const { headers, body } = await endpoint.GET!(requestOf(endpoint.path, name, parameters), registry)
        const index = Number(headers[headers.indexOf('X-Consul-Index') + 1])
        return { index, body: body?.bytes.toString() ?? '' }
      },
      async put(path, body) {
        const { endpoint, name } = PATHS.match(path)!
        const request = { ...requestOf(endpoint.path, name), body: async () => Buffer.from(JSON.stringify(body)) }
        return (await endpoint.PUT!(request, withAcls)).status
      },
    }
  }

  async close(): Promise<void> {
    await this.until(Promise.all(this.nodes.map(({ store }) => store.close())))
  }
}

function requestOf(path: string, name: string, parameters = ''): ApiRequest {
  return {
    method: 'GET',
    ...{ path, name },
    query: new QueryString(parameters),
    header: () => undefined,
    peer: undefined,
    token: undefined,
    rights: UNLIMITED,
    body: () => Promise.reject(new Error('a GET has no body')),
    onGone: () => () => {},
  }
}
