/**
 * One reader of events. What it is behind on is never kept for it: while its connection is full only the names of the
 * services that changed are remembered, and once it reads again each gets a new snapshot in place of the events missed.
 * So a reader costs its socket's buffer, one snapshot and a set of names, however slow it is.
 */
import type { Writable } from 'node:stream'
import type { Clock, Timer } from '../../../core/clock.ts'
import type { Delta, Listener } from './feed.ts'

export const HEARTBEAT_MS = 15_000
/** Heartbeats that could not be sent, after which the reader counts as dead. */
const STALLED_MAX = 4

export interface StreamSource {
  readonly clock: Clock
  /** True for instances that this reader follows: of this service, on this node. */
  follows(service: string, node: string): boolean
  /** The `snapshot` event of a service. */
  snapshot(service: string): Buffer
  /** The id that stands for everything up to now. */
  id(): string
}

export class EventStream implements Listener {
  readonly #source: StreamSource
  readonly #out: Writable
  /** Services whose snapshot is still to be sent. */
  readonly #behind: Set<string>
  #timer: Timer
  #stalled = 0

  /** @param behind services to begin with. */
  constructor(source: StreamSource, out: Writable, behind: Iterable<string>) {
    this.#source = source
    this.#out = out
    this.#behind = new Set(behind)
    this.#timer = source.clock.after(HEARTBEAT_MS, () => this.#beat())
    out.on('drain', () => {
      this.#stalled = 0
      if (this.#behind.size > 0) this.#catchUp()
    })
  }

  /** The first words, then what the reader is behind on. */
  start(resumed: boolean): void {
    this.#out.write(event('start', `{"Resumed":${resumed}}`))
    this.#catchUp()
  }

  hear(deltas: readonly Delta[]): void {
    const wanted = deltas.filter(({ service, node }) => this.#source.follows(service, node))
    if (wanted.length === 0) return
    if (this.#out.writableNeedDrain) {
      for (const { service } of wanted) this.#behind.add(service)
    } else {
      const last = wanted.length - 1
      // The id comes with the last one: a reader cut off before it has not seen all of that index.
      this.#out.write(
        wanted.map(({ json }, i) => event('instance', json, i === last ? this.#source.id() : '')).join(''),
      )
    }
  }

  end(): void {
    this.stop()
    this.#out.end()
  }

  /** Nobody reads any more. */
  stop(): void {
    this.#timer.cancel()
    this.#behind.clear()
  }

  #catchUp(): void {
    for (const service of this.#behind) {
      if (this.#out.writableNeedDrain) return
      this.#behind.delete(service)
      this.#out.write(this.#source.snapshot(service))
    }
    this.#out.write(event('ready', '{}', this.#source.id()))
  }

  #beat(): void {
    this.#timer = this.#source.clock.after(HEARTBEAT_MS, () => this.#beat())
    if (!this.#out.writableNeedDrain) this.#out.write(':\n\n')
    else if (++this.#stalled >= STALLED_MAX) this.#out.destroy()
  }
}

/** JSON has no line breaks, so it is one line of data. */
export function event(name: string, json: string, id = ''): string {
  return `event: ${name}\n${id === '' ? '' : `id: ${id}\n`}data: ${json}\n\n`
}
