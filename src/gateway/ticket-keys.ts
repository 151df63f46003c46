/**
 * The key with which sessions of TLS are sealed that clients keep for us (session tickets: RFC 5077, RFC 8446 §4.6.1). Whoever gets
 * it can read what was said in all sessions of TLS 1.2 that it sealed, so none is old: a new one is made of chance and not of the one
 * before, which is forgotten. Node knows one key at a time. Price: after a change a client that comes back makes one full handshake.
 */
import { randomBytes } from 'node:crypto'
import type { Clock, Timer } from '../core/clock.ts'

/** As Caddy does. */
const ROTATION_MS = 12 * 3_600_000
/** A name, and keys for HMAC and AES, 16 each. */
const BYTES = 48

export interface TicketKeys {
  readonly current: Buffer
  /** Called after each change. */
  onChange: () => void
  close(): void
}

/** Those of one process, or of all the workers of one supervisor. */
export class RotatingTicketKeys implements TicketKeys {
  current = randomBytes(BYTES)
  onChange = () => {}
  readonly #clock: Clock
  #timer: Timer

  constructor(clock: Clock) {
    this.#clock = clock
    this.#timer = this.#next()
  }

  close(): void {
    this.#timer.cancel()
  }

  #next(): Timer {
    return this.#clock.after(ROTATION_MS, () => {
      this.current = randomBytes(BYTES)
      this.#timer = this.#next()
      this.onChange()
    })
  }
}
