/**
 * Services and checks of the configuration, in the registry. Through its HTTP API, so that they are checked as any client's.
 * Which they are is kept beside the database: what a file no longer names goes, also when that changed while nothing ran.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { ConsulClient } from '../../../discovery/consul-client.ts'
import { Failure } from '../../command.ts'
import type { Definition, Definitions } from '../config/definitions.ts'

interface Registered {
  readonly services: readonly string[]
  readonly checks: readonly string[]
}

export class Registrations {
  readonly #client: ConsulClient
  readonly #file: string | undefined
  #registered: Registered

  /** Without a file nothing is remembered beyond the process. */
  constructor(client: ConsulClient, file: string | undefined) {
    this.#client = client
    this.#file = file
    const isThere = file !== undefined && existsSync(file)
    this.#registered = isThere ? (JSON.parse(readFileSync(file, 'utf8')) as Registered) : { services: [], checks: [] }
  }

  /** Registers what is given, then removes what was given before and is no more. @throws Failure naming file and place. */
  async apply({ services, checks }: Definitions): Promise<void> {
    const before = this.#registered
    const wanted = { services: services.map(({ id }) => id), checks: checks.map(({ id }) => id) }
    // Noted before it is done: after a crash between, one too many is known, not one too few.
    this.#remember({ services: union(before.services, wanted.services), checks: union(before.checks, wanted.checks) })
    for (const one of services) await this.#register('service', '?replace-existing-checks=true', one)
    for (const one of checks) await this.#register('check', '', one)
    for (const id of without(before.checks, wanted.checks)) await this.#remove('check', id)
    for (const id of without(before.services, wanted.services)) await this.#remove('service', id)
    this.#remember(wanted)
  }

  #remember(registered: Registered): void {
    this.#registered = registered
    if (this.#file === undefined) return
    // Whole or not at all: half a file would keep the agent from starting.
    writeFileSync(`${this.#file}.new`, JSON.stringify(registered))
    renameSync(`${this.#file}.new`, this.#file)
  }

  async #register(kind: 'service' | 'check', query: string, { file, place, body }: Definition): Promise<void> {
    const { status, text } = await this.#client.put(`/v1/agent/${kind}/register${query}`, body)
    if (status !== 200) throw new Failure(`${file}: ${place}: ${text.trim()}`, 'Mend it, or leave it out.')
  }

  /** One that is gone already is no error. */
  async #remove(kind: 'service' | 'check', id: string): Promise<void> {
    const { status, text } = await this.#client.put(`/v1/agent/${kind}/deregister/${encodeURIComponent(id)}`)
    if (status !== 200 && status !== 404) throw new Failure(`${kind} ${id} cannot be removed: ${text.trim()}`)
  }
}

const without = (all: readonly string[], left: readonly string[]) => all.filter((id) => !left.includes(id))
const union = (a: readonly string[], b: readonly string[]) => [...new Set([...a, ...b])]
