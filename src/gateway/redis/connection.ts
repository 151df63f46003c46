/**
 * One connection to a Redis that may die, hang or refuse at any moment. It is there or it is away: while it is away nobody
 * waits for it, and it is looked for in the background, ever more seldom. Redis's own client speaks the protocol, and is
 * loaded only here; it is not let reconnect or queue by itself, as whoever waits for it is a request.
 */
import { createHash } from 'node:crypto'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import { herdPause, type Random } from '../../core/random.ts'
import type { RedisAddress, RedisSettings } from './config.ts'

/** Until it is connected, and until it has greeted. No request waits for it. */
const CONNECT_MS = 1_000
const GREET_MS = 2_000
/** One that goes again before this is looked for ever more seldom, as if it had not come. */
const STABLE_MS = 10_000

export interface RedisParts {
  readonly clock: Clock
  readonly log: Logger
  readonly random: Random
}

/** What the script is tried with before Redis counts as there. */
export interface Probe {
  readonly words: readonly string[]
  /** @throws what is wrong with an answer that the script does not give: then it is no Redis. */
  check(answer: unknown): void
}

/** What is used of the client. */
interface Client {
  sendCommand(words: string[]): Promise<unknown>
  destroy(): void
}

export class RedisConnection {
  /** Resolves when the first attempt to connect has ended, well or not. */
  readonly tried: Promise<void>
  readonly #settings: RedisSettings
  readonly #parts: RedisParts
  readonly #script: string
  readonly #digest: string
  readonly #probe: Probe
  /** Undefined while it is away. */
  #client: Client | undefined
  #retry: Timer | undefined
  /** How often it was looked for in vain, or found and lost again. */
  #attempt = 0
  #foundAt = 0
  #closed = false
  /** It has been said that it is away. */
  #isMissed = false

  /** Runs `script`, and none else. */
  constructor(settings: RedisSettings, script: string, probe: Probe, parts: RedisParts) {
    this.#settings = settings
    this.#parts = parts
    this.#script = script
    this.#digest = createHash('sha1').update(script).digest('hex')
    this.#probe = probe
    this.tried = this.#connect()
  }

  get isThere(): boolean {
    return this.#client !== undefined
  }

  /** The script's answer; undefined = Redis is away, or is so from now on. Never rejects, and takes no longer than `timeoutMs`. */
  async run(words: readonly string[]): Promise<unknown> {
    const client = this.#client
    if (client === undefined) return undefined
    try {
      return await this.#inTime(this.#evaluate(client, words), this.#settings.timeoutMs)
    } catch (error) {
      this.lose(error as Error, client)
      return undefined
    }
  }

  /** It cannot be relied on: `cause` says why. The first to notice is heard. */
  lose(cause: Error, client = this.#client): void {
    if (client === undefined || client !== this.#client) return
    this.#client = undefined
    client.destroy()
    if (this.#parts.clock.monotonic() - this.#foundAt > STABLE_MS) this.#attempt = 0
    this.#missed(cause)
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#client?.destroy()
    this.#client = undefined
  }

  async #connect(): Promise<void> {
    let client: Client | undefined
    try {
      const { createClient } = await import('@redis/client')
      const made = createClient(optionsFor(this.#settings.address))
      client = made
      // Told of what ends the connection, also while nobody waits for an answer.
      made.on('error', (error: Error) => this.lose(error, made))
      await this.#inTime(made.connect(), GREET_MS)
      // Twice, as the first sends the whole script: one that takes longer than requests wait for it is not there for them.
      for (const ms of [GREET_MS, this.#settings.timeoutMs]) {
        this.#probe.check(await this.#inTime(this.#evaluate(made, this.#probe.words), ms))
      }
      if (this.#closed) return made.destroy()
      this.#found(made)
    } catch (error) {
      client?.destroy()
      this.#missed(error as Error)
    }
  }

  #found(client: Client): void {
    this.#client = client
    this.#foundAt = this.#parts.clock.monotonic()
    const redis = this.#name
    if (this.#isMissed) this.#parts.log.info({ redis }, 'Redis is back: rate limits are counted together again')
    this.#isMissed = false
  }

  #missed(err: Error): void {
    if (this.#closed) return
    if (!this.#isMissed) {
      const words = 'Redis cannot be asked: until it is back each gateway counts rate limits for itself'
      this.#parts.log.warn({ err: plain(err), redis: this.#name }, words)
    }
    this.#isMissed = true
    const { clock, random } = this.#parts
    this.#retry = clock.after(herdPause(random, this.#attempt++), () => void this.#connect())
  }

  get #name(): string {
    const { host, port, database } = this.#settings.address
    return `${host}:${port}/${database}`
  }

  /** By its digest, and whole where Redis does not have it (yet, or any more). */
  async #evaluate(client: Client, words: readonly string[]): Promise<unknown> {
    try {
      return await client.sendCommand(['EVALSHA', this.#digest, ...words])
    } catch (error) {
      if (!String((error as Error).message).startsWith('NOSCRIPT')) throw error
      return client.sendCommand(['EVAL', this.#script, ...words])
    }
  }

  /** A process that was busy itself has an answer lying there unread when the timer goes off: so it reads once more. */
  #inTime<T>(answer: Promise<T>, ms: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = () => setImmediate(() => reject(new Error(`no answer in ${ms} ms`)))
      const timer = this.#parts.clock.after(ms, late)
      answer.then(resolve, reject).finally(() => timer.cancel())
    })
  }
}

function optionsFor({ host, port, tls, ca, username, password, database }: RedisAddress) {
  const place = { host, port, connectTimeout: CONNECT_MS, reconnectStrategy: false as const }
  return {
    socket: tls ? { ...place, tls: true as const, ...(ca === undefined ? {} : { ca }) } : place,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    database,
    disableOfflineQueue: true,
    // Three commands of its greeting which older servers and proxies do not know, and of which nothing is used here.
    RESP: 2 as const,
    disableClientInfo: true,
    maintNotifications: 'disabled' as const,
  }
}

/** The client's errors carry what they like; words and code say enough. */
function plain(error: Error): Error {
  const { code } = error as NodeJS.ErrnoException
  return Object.assign(new Error(error.message || String(code ?? error.name)), code === undefined ? {} : { code })
}
