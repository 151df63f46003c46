/**
 * A lock for several holders, as Consul's clients keep it: under the prefix each contender has a key of its session's, and
 * one more key lists the holders. That list is only ever changed by compare-and-set; a holder without a living session
 * does not count.
 */
import { kvPath } from '../../../discovery/consul-client.ts'
import { Failure } from '../../command.ts'
import type { KvPair } from '../kv-pair.ts'
import { ask } from './ask.ts'
import { LOCK_KEY, type Lock, type LockOptions } from './contract.ts'

/** Marks keys that are used like this. */
const FLAGS = String(0xe0f69a2baa414de0n)

interface Holders {
  readonly limit: number
  /** IDs of sessions. */
  readonly sessions: ReadonlySet<string>
  /** 0: there is no list yet. */
  readonly modifyIndex: number
}

export class Semaphore implements Lock {
  readonly #options: LockOptions
  readonly #limit: number
  readonly #listKey: string

  constructor(options: LockOptions, limit: number) {
    this.#options = options
    this.#limit = limit
    this.#listKey = `${options.prefix}/${LOCK_KEY}`
  }

  async acquire(signal: AbortSignal): Promise<boolean> {
    const { api, session } = this.#options
    const made = await api.put(this.#contender, { acquire: session, flags: FLAGS })
    if (made.trim() !== 'true') throw new Failure('failed to make contender entry')
    for (let index = 0; !signal.aborted; ) {
      const found = await this.#read(index, signal)
      if (found === undefined) break
      const { holders } = found
      if (holders.sessions.has(session)) return true
      if (holders.sessions.size >= this.#limit) index = found.index
      else if (await this.#write(holders, [...holders.sessions, session])) return true
      else index = 0 // another contender was faster
    }
    return false
  }

  async check(index: number, signal: AbortSignal) {
    const found = await this.#read(index, signal)
    return { held: found?.holders.sessions.has(this.#options.session) === true, index: found?.index ?? 0 }
  }

  async release(): Promise<void> {
    const { api, session } = this.#options
    for (let given = false; !given; ) {
      const holders = await this.#now()
      const others = [...holders.sessions].filter((id) => id !== session)
      given = !holders.sessions.has(session) || (await this.#write(holders, others))
    }
    await api.delete(this.#contender)
  }

  async cleanup(): Promise<boolean> {
    const { sessions, modifyIndex } = await this.#now()
    if (sessions.size > 0) return false
    if (modifyIndex === 0) return true
    return (await this.#options.api.delete(kvPath(this.#listKey), { cas: String(modifyIndex) })).trim() === 'true'
  }

  get #contender(): string {
    return kvPath(`${this.#options.prefix}/${this.#options.session}`)
  }

  async #now(): Promise<Holders> {
    return (await this.#read(0, new AbortController().signal))!.holders
  }

  async #read(index: number, signal: AbortSignal): Promise<{ holders: Holders; index: number } | undefined> {
    const { api, prefix } = this.#options
    const found = await ask(api, kvPath(`${prefix}/`), { recurse: true }, index, signal)
    return found && { holders: this.#holdersIn(found.pairs), index: found.index }
  }

  /** @throws Failure for a key of another use, and where the limits differ. */
  #holdersIn(pairs: readonly KvPair[]): Holders {
    const list = pairs.find(({ Key }) => Key === this.#listKey)
    if (list === undefined) return { limit: this.#limit, sessions: new Set(), modifyIndex: 0 }
    if (String(list.Flags) !== FLAGS) throw new Failure('Existing key does not match semaphore use')
    const { limit, sessions } = readList(list)
    if (limit !== this.#limit) throw new Failure(`semaphore limit conflict (lock: ${limit}, local: ${this.#limit})`)
    const living = new Set(pairs.map(({ Session }) => Session))
    return { limit, sessions: new Set(sessions.filter((id) => living.has(id))), modifyIndex: list.ModifyIndex }
  }

  async #write({ modifyIndex }: Holders, sessions: readonly string[]): Promise<boolean> {
    const Holders = Object.fromEntries(sessions.map((id) => [id, true]))
    const params = { cas: String(modifyIndex), flags: FLAGS }
    const done = await this.#options.api.put(kvPath(this.#listKey), params, { Limit: this.#limit, Holders })
    return done.trim() === 'true'
  }
}

function readList({ Key, Value }: KvPair): { limit: number; sessions: string[] } {
  try {
    const { Limit, Holders } = JSON.parse(Buffer.from(Value ?? '', 'base64').toString())
    return { limit: Number(Limit), sessions: Object.keys(Holders ?? {}) }
  } catch (error) {
    throw new Failure(`lock decoding failed: ${Key}: ${(error as Error).message}`)
  }
}
