/** One transport for each protocol, made when the first message needs it. */
import type { Clock } from '../../core/clock.ts'
import type { BreakOff, Message, Receiver, Target, Transport } from '../transport.ts'
import { h2Transport } from './h2.ts'
import { wireTransport } from './wire.ts'

export interface ByProtocolOptions {
  readonly clock: Clock
  /** As of the transport for HTTP/1.1. */
  readonly pipelining?: boolean | undefined
}

export function transportByProtocol(options: ByProtocolOptions): Transport {
  return new ByProtocol(options)
}

class ByProtocol implements Transport {
  readonly #clock: Clock
  readonly #http1: Transport
  #http2: Transport | undefined
  #closed = false

  constructor({ clock, pipelining }: ByProtocolOptions) {
    this.#clock = clock
    this.#http1 = wireTransport({ clock, pipelining })
  }

  send(target: Target, message: Message, receiver: Receiver): BreakOff {
    if (message.protocol === undefined || message.protocol === 'http/1.1')
      return this.#http1.send(target, message, receiver)
    this.#http2 ??= h2Transport({ clock: this.#clock })
    if (this.#closed) void this.#http2.close()
    return this.#http2.send(target, message, receiver)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([this.#http1.close(), this.#http2?.close()])
  }
}
