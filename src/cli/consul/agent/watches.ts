/** The watches of an agent's configuration: each tells its handler of every state, as long as it stands in the files. */
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../../core/clock.ts'
import type { Logger } from '../../../core/log.ts'
import type { Environment } from '../../../core/settings.ts'
import { ConsulClient } from '../../../discovery/consul-client.ts'
import { Failure } from '../../command.ts'
import { Api } from '../api.ts'
import type { WatchDefinition } from '../config/watches.ts'
import { type Change, statesOf } from '../watch/changes.ts'
import { runHandler } from '../watch/handler.ts'
import { postChange } from '../watch/http-handler.ts'

export interface WatchesOptions {
  /** Of the agent's own registry. */
  readonly address: string
  /** Of watches that have none of their own; undefined = what the registry grants to whoever brings none. */
  readonly token: string | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly env: Environment
  readonly cwd: string
}

/** Characters of a handler's output that are logged. */
const OUTPUT_MAX = 4096

interface Running {
  readonly definition: WatchDefinition
  readonly stop: AbortController
  readonly ended: Promise<void>
}

export class Watches {
  readonly #options: WatchesOptions
  #running: readonly Running[] = []

  constructor(options: WatchesOptions) {
    this.#options = options
  }

  /** From now on these. What runs already goes on, so that its handler is not told again what it knows. */
  async apply({ watches }: { readonly watches: readonly WatchDefinition[] }): Promise<void> {
    const left = [...this.#running]
    const next = watches.map((definition) => {
      const known = left.findIndex((one) => isDeepStrictEqual(one.definition.fields, definition.fields))
      return known < 0 ? this.#start(definition) : left.splice(known, 1)[0]!
    })
    this.#running = next
    await Promise.all(left.map(stop))
  }

  end(): Promise<void> {
    return this.apply({ watches: [] })
  }

  #start(definition: WatchDefinition): Running {
    const { file, place } = definition
    const log = this.#options.log.child({ watch: `${file}: ${place}` })
    const abort = new AbortController()
    const ended = follow(definition, { ...this.#options, log }, abort.signal).catch((err: unknown) => {
      if (!abort.signal.aborted) log.error({ err }, 'the watch has ended')
    })
    return { definition, stop: abort, ended }
  }
}

function stop({ stop, ended }: Running): Promise<void> {
  stop.abort()
  return ended
}

async function follow(definition: WatchDefinition, options: WatchesOptions, signal: AbortSignal): Promise<void> {
  const { address, clock, log } = options
  const { token, datacenter, stale } = definition.fields as { token?: string; datacenter?: string; stale?: boolean }
  const client = new ConsulClient({ address, token: token ?? options.token, clock })
  const api = new Api(client, { datacenter, stale })
  try {
    const tell = (message: string) => log.warn(message)
    for await (const change of statesOf(definition.view, { api, clock, signal, tell, endures: true })) {
      await handOver(definition, change, options, signal)
    }
  } finally {
    await client.close()
  }
}

/** A handler that fails is told again of the next change, not of this one. */
async function handOver(
  { handler }: WatchDefinition,
  change: Change,
  { clock, log, env, cwd }: WatchesOptions,
  signal: AbortSignal,
): Promise<void> {
  const written: Buffer[] = []
  const write = (chunk: Uint8Array) => written.push(Buffer.from(chunk))
  try {
    const output =
      handler.kind === 'http'
        ? await postChange(handler, change, clock, signal)
        : await runHandler({ ...handler, ...change, signal, env, cwd, write }).then(() => `${Buffer.concat(written)}`)
    log.debug({ output: output.slice(0, OUTPUT_MAX) }, 'the handler was told')
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    if (!signal.aborted) log.error(error.message.slice(0, OUTPUT_MAX))
  }
}
