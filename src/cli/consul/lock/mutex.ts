/** A lock for one holder, as Consul's clients keep it: the key belongs to the holder's session. */
import { kvPath } from '../../../discovery/consul-client.ts'
import { Failure } from '../../command.ts'
import { ask, pause } from './ask.ts'
import { LOCK_KEY, type Lock, type LockOptions } from './contract.ts'

/** Marks keys that are used like this. */
const FLAGS = String(0x2ddccbc058a50c18n)

export class Mutex implements Lock {
  readonly #options: LockOptions
  readonly #path: string

  constructor(options: LockOptions) {
    this.#options = options
    this.#path = kvPath(`${options.prefix}/${LOCK_KEY}`)
  }

  async acquire(signal: AbortSignal): Promise<boolean> {
    const { api, clock, session } = this.#options
    for (let index = 0; !signal.aborted; ) {
      const found = await ask(api, this.#path, {}, index, signal)
      if (found === undefined) break
      index = found.index
      const [pair] = found.pairs
      if (pair !== undefined && String(pair.Flags) !== FLAGS) throw new Failure('Existing key does not match lock use')
      // Its own, where the answer to an earlier try was lost.
      if (pair?.Session === session) return true
      if (pair?.Session !== undefined) continue
      if ((await api.put(this.#path, { acquire: session, flags: FLAGS })).trim() === 'true') return true
      index = 0
      await pause(clock, signal)
    }
    return false
  }

  async check(index: number, signal: AbortSignal) {
    const found = await ask(this.#options.api, this.#path, {}, index, signal)
    return { held: found?.pairs[0]?.Session === this.#options.session, index: found?.index ?? 0 }
  }

  async release(): Promise<void> {
    await this.#options.api.put(this.#path, { release: this.#options.session, flags: FLAGS })
  }

  async cleanup(): Promise<boolean> {
    const { api } = this.#options
    const pair = (await ask(api, this.#path, {}, 0, new AbortController().signal))?.pairs[0]
    if (pair === undefined) return true
    if (pair.Session !== undefined) return false
    return (await api.delete(this.#path, { cas: String(pair.ModifyIndex) })).trim() === 'true'
  }
}
