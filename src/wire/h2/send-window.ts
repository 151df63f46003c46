/** What the client takes (RFC 9113 §5.2): the window of all streams together, and who waits for it. */
import { CODE, H2ConnectionError } from './codes.ts'
import type { Output } from './output.ts'
import { WINDOW_MAX } from './settings.ts'

/** A stream, as far as it sends. */
export interface Sender {
  /** Bytes; negative where the client has changed its mind. */
  window: number
  /** Sends one frame of what waits; false where it cannot. */
  sendMore(): boolean
  /** Ends it before its time. */
  cancel(code: number): void
}

export class SendWindow {
  /** Of all streams together, bytes. */
  left = 65_535
  /** With which a stream begins, bytes. */
  initial = 65_535
  readonly #output: Output
  readonly #waiting = new Set<Sender>()
  /** Of them those that waited when `stuck` was last asked, and have sent nothing since. */
  #stuck = new Set<Sender>()

  constructor(output: Output) {
    this.#output = output
  }

  blocked(sender: Sender): void {
    this.#waiting.add(sender)
  }

  unblocked(sender: Sender): void {
    this.#waiting.delete(sender)
    this.#stuck.delete(sender)
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE changes what all streams have. @throws H2ConnectionError */
  resize(bytes: number, senders: Iterable<Sender>): void {
    const change = bytes - this.initial
    this.initial = bytes
    for (const sender of senders) {
      sender.window += change
      if (sender.window > WINDOW_MAX) throw new H2ConnectionError(CODE.flowControl, 'a window is too large')
    }
    this.resume()
  }

  /** @throws H2ConnectionError */
  open(bytes: number): void {
    if (bytes === 0) throw new H2ConnectionError(CODE.protocol, 'a window is opened by nothing')
    this.left += bytes
    if (this.left > WINDOW_MAX) throw new H2ConnectionError(CODE.flowControl, 'a window is too large')
    this.resume()
  }

  /** Returns the code of a mistake. */
  openStream(sender: Sender, bytes: number): number | undefined {
    if (bytes === 0) return CODE.protocol
    sender.window += bytes
    if (sender.window > WINDOW_MAX) return CODE.flowControl
    while (this.#waiting.has(sender) && this.#sends(sender));
    return undefined
  }

  /** Those that wait send a frame each, in turn, for as long as anything may be sent; the next time it goes on behind the last of them. */
  resume(): void {
    for (const sender of this.#waiting) {
      if (this.left <= 0 || this.#output.full) return
      if (!this.#sends(sender) || !this.#waiting.delete(sender)) continue
      this.#waiting.add(sender)
    }
  }

  #sends(sender: Sender): boolean {
    const sent = sender.sendMore()
    if (sent) this.#stuck.delete(sender)
    return sent
  }

  /** Those that have sent nothing since this was asked before. */
  stuck(): Iterable<Sender> {
    const stuck = this.#stuck
    this.#stuck = new Set(this.#waiting)
    return stuck
  }
}
