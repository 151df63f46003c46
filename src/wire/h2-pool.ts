/**
 * Connections of HTTP/2 to one address. The oldest that takes one more stream carries it, so that surplus ones fall idle and
 * close; another is made only where none does.
 */
import { type H2Place, H2Session, type H2SessionOptions, type H2Waiting } from './h2-session.ts'

export class H2Pool {
  readonly #place: H2Place
  readonly #max: number
  readonly #options: H2SessionOptions
  readonly #onEmpty: () => void
  /** All, also those that only end what they carry. */
  readonly #sessions = new Set<H2Session>()
  #taking: H2Session[] = []

  constructor(place: H2Place, max: number, options: H2SessionOptions, onEmpty: () => void) {
    this.#place = place
    this.#max = max
    this.#options = options
    this.#onEmpty = onEmpty
  }

  /** @throws Error when there can be none: too many, or an address that is none. */
  take(): H2Session {
    for (const session of this.#taking) if (session.free) return session
    if (this.#sessions.size >= this.#max) throw new Error(`${this.#max} connections in use`)
    const session = this.#open()
    this.#sessions.add(session)
    this.#taking.push(session)
    return session
  }

  destroy(error: Error): void {
    for (const session of [...this.#sessions]) session.destroy(error)
  }

  #open(): H2Session {
    const owner = {
      displaced: (waiting: H2Waiting) => this.#elsewhere(waiting),
      retired: (session: H2Session) => {
        this.#taking = this.#taking.filter((other) => other !== session)
      },
      closed: (session: H2Session) => {
        if (this.#sessions.delete(session) && this.#sessions.size === 0) this.#onEmpty()
      },
    }
    try {
      return new H2Session(this.#place, owner, this.#options)
    } catch (error) {
      if (this.#sessions.size === 0) this.#onEmpty()
      throw error
    }
  }

  #elsewhere(waiting: H2Waiting): void {
    try {
      this.take().wait(waiting)
    } catch (error) {
      waiting.failed(error as Error)
    }
  }
}
