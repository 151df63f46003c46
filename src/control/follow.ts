/** Log lines as NDJSON to a reader of any speed. */
import type { ServerResponse } from 'node:http'
import type { Fleet, LogLine } from '../fleet/contract.ts'
import { matches } from '../fleet/logbook.ts'
import { logFilter } from './routes.ts'

/** What may wait for a slow reader, bytes. Beyond it lines are dropped and counted: neither memory nor the fleet waits for him. */
const QUEUE_MAX = 1024 * 1024

/** Stands in the stream where lines are missing. */
export interface Dropped {
  readonly dropped: number
}

/** Writes the lines kept and, with `follow`, each new one until the reader goes. */
export function sendLogs(fleet: Fleet, query: URLSearchParams, response: ServerResponse): void {
  const filter = logFilter(query)
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  for (const line of fleet.logs(filter)) response.write(toLine(line))
  if (!query.has('follow')) {
    response.end()
    return
  }
  response.flushHeaders()
  const follower = new Follower(response)
  const stop = fleet.onLog((line) => {
    if (matches(line, filter)) follower.write(line)
  })
  response.once('close', stop)
}

class Follower {
  readonly #response: ServerResponse
  #dropped = 0

  constructor(response: ServerResponse) {
    this.#response = response
    response.on('drain', () => this.#account())
  }

  write(line: LogLine): void {
    if (this.#response.writableLength > QUEUE_MAX) this.#dropped++
    else {
      this.#account()
      this.#response.write(toLine(line))
    }
  }

  #account(): void {
    if (this.#dropped === 0) return
    this.#response.write(toLine({ dropped: this.#dropped }))
    this.#dropped = 0
  }
}

const toLine = (value: LogLine | Dropped) => `${JSON.stringify(value)}\n`
