/**
 * Clients take and leave two locks at three registries over three etcd members, while leaders and registries are killed or
 * frozen. Nobody may get a lock that another one has. Each client also has a session that it renews, with a key of its own: it
 * may not end, not by a lease that a leader revokes who has slept, not by a registry that has.
 *
 * Each use of a lock is a session of its own: a frozen registry carries out late what its client has given up, and with one
 * session for all that would be an unlock of the next use.
 */
import { setTimeout as pass } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { below } from '../../src/core/random.ts'
import { needsEtcd } from '../support/etcd.ts'
import { eventually } from '../support/up.ts'
import type { Fault, FaultContext } from './harness/contract.ts'
import { disturbAtRandom } from './harness/etcd-disturbances.ts'
import { type Shared, startShared } from './harness/etcd-kit.ts'

const CLIENTS = 6
const LOCKS = 2
/** Consul's shortest TTL; each disturbance is over in less. */
const TTL = '10s'
const RENEW_MS = 3000
const PATIENCE_MS = 3000

export default {
  name: 'etcd-locks',
  what: 'sessions and locks at 3 registries on 3 etcd members, killed and frozen: two holders, sessions ended early',
  ci: false,
  skip: needsEtcd,
  async run(context) {
    const shared = await startShared(context)
    const crowd = new Crowd(context, shared)
    await crowd.begin()
    const end = performance.now() + context.pick({ ci: 15_000, normal: 90_000, long: 1_800_000 })
    let disturbances = 0
    for (; performance.now() < end; disturbances++) {
      await pass(300 + context.random() * 1500)
      await disturbAtRandom(shared, context.random)
    }
    const { held, both, ended } = await crowd.end()
    return [
      { figure: 'locks taken', value: held, unit: '', atLeast: 1, detail: `${disturbances} disturbances` },
      { figure: 'taken while another had it', value: both.length, unit: '', atMost: 0, of: held, detail: both[0] },
      {
        figure: 'sessions ended though renewed',
        value: ended.length,
        unit: '',
        atMost: 0,
        of: CLIENTS,
        detail: ended[0],
      },
    ]
  },
} satisfies Fault

class Crowd {
  readonly #context: FaultContext
  readonly #urls: readonly string[]
  readonly #agent = new Agent({ connections: 4 * CLIENTS })
  readonly #holders = new Map<string, string>()
  readonly #both: string[] = []
  readonly #ended: string[] = []
  #held = 0
  #isOver = false
  #running: Promise<unknown> = Promise.resolve()

  constructor(context: FaultContext, { urls }: Shared) {
    this.#context = context
    this.#urls = urls
    context.after(() => this.#stop())
  }

  async begin(): Promise<void> {
    const clients = Array.from({ length: CLIENTS }, async (_, i) => {
      const id = await this.#createSession()
      await this.#insist(`/v1/kv/own/${i}?acquire=${id}`, id)
      return [this.#keepAlive(id), this.#useLocks()]
    })
    this.#running = Promise.all((await Promise.all(clients)).flat())
  }

  async end() {
    await this.#stop()
    const pairs = await eventually('a read of who holds what', async () => {
      const answer = await request(`${this.#urls[0]}/v1/kv/own/?recurse&consistent`)
      const text = await answer.body.text()
      return answer.statusCode === 200 && (JSON.parse(text) as { Key: string; Value: string; Session?: string }[])
    })
    const lost = pairs.filter(({ Value, Session }) => Buffer.from(Value, 'base64').toString() !== Session)
    for (const { Key } of lost) this.#ended.push(`${Key} is held no more`)
    return { held: this.#held, both: this.#both, ended: this.#ended }
  }

  async #stop(): Promise<void> {
    this.#isOver = true
    await this.#running
    await this.#agent.destroy()
  }

  async #createSession(): Promise<string> {
    const text = await this.#insist('/v1/session/create', JSON.stringify({ TTL, LockDelay: '0s' }))
    return text === '' ? '' : (JSON.parse(text) as { ID: string }).ID
  }

  async #keepAlive(id: string): Promise<void> {
    while (!this.#isOver) {
      await this.#insist(`/v1/session/renew/${id}`)
      await pass(RENEW_MS)
    }
  }

  async #useLocks(): Promise<void> {
    const { random } = this.#context
    while (!this.#isOver) {
      const id = await this.#createSession()
      const lock = `lock-${below(random, LOCKS)}`
      const answer = await this.#put(`/v1/kv/${lock}?acquire=${id}`, id).catch(() => 'unknown')
      if (answer === 'true') await this.#hold(id, lock)
      await this.#insist(`/v1/session/destroy/${id}`)
      await pass(10 + random() * 20)
    }
  }

  async #hold(id: string, lock: string): Promise<void> {
    const other = this.#holders.get(lock)
    if (other !== undefined) this.#both.push(`${lock}: ${id} got it, ${other} had it`)
    this.#held++
    this.#holders.set(lock, id)
    await pass(this.#context.random() * 50)
    this.#holders.delete(lock)
  }

  /** Until somebody answers. */
  async #insist(path: string, body?: string): Promise<string> {
    for (;;) {
      try {
        return await this.#put(path, body)
      } catch (error) {
        if (this.#isOver) return ''
        if (/not found|invalid session/.test(String(error))) this.#ended.push(String(error))
        await pass(20)
      }
    }
  }

  async #put(path: string, body?: string): Promise<string> {
    const url = this.#urls[below(this.#context.random, this.#urls.length)]! + path
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const init = body === undefined ? {} : { body }
    const answer = await request(url, { method: 'PUT', signal, dispatcher: this.#agent, ...init })
    const text = await answer.body.text()
    if (answer.statusCode !== 200) throw new Error(text)
    return text
  }
}
