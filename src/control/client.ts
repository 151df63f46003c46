/** Talks to a running fleet over its control socket. */
import { type IncomingMessage, request } from 'node:http'
import { type Clock, sleep, systemClock } from '../core/clock.ts'
import { ERRORS, type ErrorCode, SkeinError } from '../core/errors.ts'
import type { InstanceInfo, LogLine } from '../fleet/contract.ts'
import type { Dropped } from './follow.ts'
import { askPid } from './socket.ts'

export interface LogQuery {
  readonly service?: string | undefined
  readonly instance?: string | undefined
  readonly last?: number | undefined
}

/**
 * Every method throws SkeinError: NOT_RUNNING when nobody serves on the socket, else what the fleet answered. Commands
 * resolve when they are done (see `Fleet`), which may take as long as a service needs to drain.
 */
export class ControlClient {
  readonly #socket: string
  readonly #clock: Clock

  constructor(socketPath: string, clock: Clock = systemClock) {
    this.#socket = socketPath
    this.#clock = clock
  }

  async instances(): Promise<readonly InstanceInfo[]> {
    return (await this.#call('GET', '/v1/instances')) as InstanceInfo[]
  }

  info(): Promise<unknown> {
    return this.#call('GET', '/v1/info')
  }

  async scale(service: string, instances: number): Promise<readonly InstanceInfo[]> {
    return (await this.#call('POST', '/v1/scale', { service, instances })) as InstanceInfo[]
  }

  async restart(target: string): Promise<readonly InstanceInfo[]> {
    return (await this.#call('POST', '/v1/restart', { target })) as InstanceInfo[]
  }

  async stop(target: string): Promise<readonly InstanceInfo[]> {
    return (await this.#call('POST', '/v1/stop', { target })) as InstanceInfo[]
  }

  /** Stops everything; resolves when nobody serves on the socket any more. */
  async shutdown(): Promise<void> {
    await this.#call('POST', '/v1/shutdown')
    while ((await askPid(this.#socket, this.#clock)) !== undefined) await sleep(50, this.#clock)
  }

  /** The lines kept, oldest first. */
  async logs(query: LogQuery = {}): Promise<LogLine[]> {
    const lines: LogLine[] = []
    for await (const line of this.#lines(query, false)) if (!('dropped' in line)) lines.push(line)
    return lines
  }

  /** The lines kept and then each new one, until the loop is left, `signal` aborts or the fleet ends. */
  follow(query: LogQuery = {}, signal?: AbortSignal): AsyncGenerator<LogLine | Dropped> {
    return this.#lines(query, true, signal)
  }

  async *#lines(query: LogQuery, follow: boolean, signal?: AbortSignal): AsyncGenerator<LogLine | Dropped> {
    const given = Object.entries({ ...query, follow: follow || undefined }).filter(([, value]) => value !== undefined)
    const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)]))
    const response = await this.#send('GET', `/v1/logs?${search}`, undefined, signal)
    if (response.statusCode !== 200) throw errorOf(await readAll(response))
    try {
      for await (const line of linesOf(response)) yield JSON.parse(line)
    } catch (error) {
      if (!endOfFollowing(error, signal)) throw error
    } finally {
      response.destroy()
    }
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.#send(method, path, body === undefined ? undefined : JSON.stringify(body))
    const text = await readAll(response)
    if (response.statusCode! >= 400) throw errorOf(text)
    return JSON.parse(text)
  }

  #send(method: string, path: string, body?: string, signal?: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.#socket, method, path, agent: false, ...(signal && { signal }) }
      const sent = request(options, resolve)
      sent.on('error', (error: NodeJS.ErrnoException) => reject(this.#explain(error)))
      sent.end(body)
    })
  }

  #explain(error: NodeJS.ErrnoException): Error {
    if (error.name === 'AbortError') return error
    return new SkeinError('NOT_RUNNING', `no fleet answers on ${this.#socket} (${error.code})`, {}, error)
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    yield* lines
  }
}

/** The error that the fleet answered, with its code, message and details. */
function errorOf(text: string): SkeinError {
  const { code, message, ...details } = JSON.parse(text).error as { code: string; message: string }
  return new SkeinError(Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'INTERNAL', message, details)
}

/** Following ends by the reader's wish or with the fleet; both are no errors. */
function endOfFollowing(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true || (error as NodeJS.ErrnoException).code === 'ECONNRESET'
}
