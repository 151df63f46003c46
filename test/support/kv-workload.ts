/**
 * Clients that read, write, compare and set a few keys of the registry at once, on whichever registry, and note what they
 * asked and heard. Keys change every round, so that each has a history short enough to be checked.
 */
import { Agent, request } from 'undici'
import { below, type Random } from '../../src/core/random.ts'
import { KV_MODEL, type KvInput, type KvOutput } from './kv-model.ts'
import { checkLinearizable, type Operation } from './linearizable.ts'

export interface WorkloadPlan {
  /** Where to send; one is picked for each operation. */
  readonly urls: readonly string[]
  readonly random: Random
  readonly operations: number
  /** It ends after this time with fewer. Default: never. */
  readonly limitMs?: number
  readonly clients?: number
  /** Before every key. */
  readonly prefix: string
}

export interface WorkloadResult {
  /** Operations with an answer, or that may have happened. */
  readonly operations: number
  /** Writes that may or may not have happened: the answer was an error or never came. */
  readonly unknown: number
  /** Sent to nobody, or reads that failed or said that they may be old. */
  readonly dropped: number
  readonly keys: number
  /** A text for each key whose history no order explains. */
  readonly violations: readonly string[]
}

type KvOperation = Operation<KvInput, KvOutput>

const CLIENTS = 8
const KEYS = 4
const PER_ROUND = 100
/** A frozen registry answers nobody; its clients go on elsewhere. */
const PATIENCE_MS = 3000

export async function runWorkload(plan: WorkloadPlan): Promise<WorkloadResult> {
  const { clients = CLIENTS, operations, prefix, limitMs = Number.POSITIVE_INFINITY } = plan
  const end = performance.now() + limitMs
  const agent = new Agent({ connections: 2 * clients })
  const counts = { operations: 0, unknown: 0, dropped: 0, keys: 0 }
  const violations: string[] = []
  try {
    for (let round = 0; counts.operations < operations && performance.now() < end; round++) {
      const recorder = new Recorder(plan, agent, `${prefix}/${round}`)
      await Promise.all(Array.from({ length: clients }, () => recorder.runClient(PER_ROUND)))
      await recorder.readAll()
      counts.operations += recorder.count
      counts.unknown += recorder.unknown
      counts.dropped += recorder.dropped
      counts.keys += KEYS
      violations.push(...recorder.check())
    }
  } finally {
    await agent.destroy()
  }
  return { ...counts, violations }
}

const AROUND = 40

/** What could not be placed, and what else happened about then. */
function inWords(stuck: readonly KvOperation[], history: readonly KvOperation[]): string {
  const from = Math.min(...stuck.map(({ called }) => called)) - AROUND
  const to = Math.max(...stuck.map(({ called, returned = called }) => returned))
  const near = history.filter(({ called, returned = to }) => returned >= from && called <= to)
  const tell = (list: readonly KvOperation[]) => list.map((one) => JSON.stringify(one)).join('\n      ')
  return `${tell(stuck)}\n    among\n      ${tell(near.toSorted((a, b) => a.called - b.called))}`
}

/**
 * Of one key the values come again, and nobody compares: a registry that lags takes many of its writes for ones that change
 * nothing.
 */
const isRepeating = (key: string) => key.endsWith('/0')

/** What a client last read of a key. */
interface Known {
  readonly value: string | undefined
  /** 0 = it was not there. */
  readonly index: number
}

class Recorder {
  count = 0
  unknown = 0
  dropped = 0
  readonly #plan: WorkloadPlan
  readonly #agent: Agent
  readonly #prefix: string
  readonly #histories = new Map<string, KvOperation[]>()
  readonly #indexes = new Map<string, Set<number>>()
  #time = 0
  #values = 0

  constructor(plan: WorkloadPlan, agent: Agent, prefix: string) {
    this.#plan = plan
    this.#agent = agent
    this.#prefix = prefix
    for (let i = 0; i < KEYS; i++) this.#histories.set(`${prefix}/${i}`, [])
  }

  async runClient(operations: number): Promise<void> {
    const { random, urls } = this.#plan
    const known = new Map<string, Known>()
    for (let i = 0; i < operations; i++) {
      const key = `${this.#prefix}/${below(random, KEYS)}`
      const url = urls[below(random, urls.length)]!
      const last = known.get(key)
      const dice = random()
      if (last === undefined || dice < 0.4) await this.#get(url, key, known)
      else await this.#write(url, key, this.#chooseWrite(key, last, dice), last)
    }
  }

  /** The end of each history: everybody must agree. */
  async readAll(): Promise<void> {
    const known = new Map<string, Known>()
    for (const url of this.#plan.urls) for (const key of this.#histories.keys()) await this.#get(url, key, known)
  }

  check(): string[] {
    const wrong = [...this.#histories].flatMap(([key, history]) => {
      const verdict = checkLinearizable(history, KV_MODEL)
      return verdict.linearizable ? [] : [`${key}: ${inWords(verdict.stuck, history)}`]
    })
    const split = [...this.#indexes].filter(([, indexes]) => indexes.size > 1)
    return [...wrong, ...split.map(([value, indexes]) => `${value} had the indexes ${[...indexes].join(', ')}`)]
  }

  #chooseWrite(key: string, { value: expected }: Known, dice: number): Exclude<KvInput, { do: 'get' }> {
    if (isRepeating(key)) return dice < 0.8 ? { do: 'put', value: dice < 0.6 ? 'a' : 'b' } : { do: 'delete' }
    const value = `v${++this.#values}`
    if (dice < 0.6) return { do: 'put', value }
    if (dice < 0.9) return { do: 'cas', expected, value }
    return dice < 0.95 || expected === undefined ? { do: 'delete' } : { do: 'delete-cas', expected }
  }

  async #get(url: string, key: string, known: Map<string, Known>): Promise<void> {
    const called = ++this.#time
    const mode = this.#plan.random() < 0.5 ? '?consistent' : ''
    const answer = await this.#send('GET', `${url}/v1/kv/${key}${mode}`).catch(() => undefined)
    // An answer that says itself that it may be old claims nothing.
    if (answer === undefined || answer.status >= 500 || !answer.knownLeader) return void this.dropped++
    const [pair] = answer.status === 404 ? [] : (JSON.parse(answer.text) as { Value: string; ModifyIndex: number }[])
    const value = pair && Buffer.from(pair.Value, 'base64').toString()
    this.#record(key, { input: { do: 'get' }, called, returned: ++this.#time, output: { value } })
    known.set(key, { value, index: pair?.ModifyIndex ?? 0 })
    if (pair !== undefined && !isRepeating(key)) this.#noteIndex(`${key} ${value}`, pair.ModifyIndex)
  }

  #noteIndex(value: string, index: number): void {
    const indexes = this.#indexes.get(value)
    if (indexes === undefined) this.#indexes.set(value, new Set([index]))
    else indexes.add(index)
  }

  async #write(url: string, key: string, input: Exclude<KvInput, { do: 'get' }>, known: Known): Promise<void> {
    const compares = input.do === 'cas' || input.do === 'delete-cas'
    const path = `${url}/v1/kv/${key}${compares ? `?cas=${known.index}` : ''}`
    const called = ++this.#time
    try {
      const { status, text } =
        'value' in input ? await this.#send('PUT', path, input.value) : await this.#send('DELETE', path)
      if (status !== 200) throw new Error(text)
      this.#record(key, { input, called, returned: ++this.#time, output: { done: text === 'true' } })
    } catch (error) {
      if ((error as { code?: string }).code === 'ECONNREFUSED') return this.#nobody()
      this.unknown++
      this.#record(key, { input, called })
    }
  }

  async #nobody(): Promise<void> {
    this.dropped++
    await new Promise((resolve) => setTimeout(resolve, 20))
  }

  #record(key: string, operation: KvOperation): void {
    this.count++
    this.#histories.get(key)!.push(operation)
  }

  async #send(method: 'GET' | 'PUT' | 'DELETE', url: string, body?: string) {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const answer = await request(url, {
      method,
      signal,
      dispatcher: this.#agent,
      ...(body === undefined ? {} : { body }),
    })
    const knownLeader = answer.headers['x-consul-knownleader'] !== 'false'
    return { status: answer.statusCode, text: await answer.body.text(), knownLeader }
  }
}
