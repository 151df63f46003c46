/**
 * What the kit needs of an HTTP server, so that one pipeline stands on either: our own engine (wire.ts), or node:http (node.ts)
 * for apps that want its objects.
 */
import type { Host } from '../exchange.ts'
import type { Inbound } from '../inbound.ts'
import type { App } from '../servable.ts'

export interface ServiceServer {
  /** Resolves with the port. @throws the system's error, such as EADDRINUSE, with host and port in its message. */
  listen(port: number, host: string): Promise<number>
  /** Accepts nothing new and closes what is idle; what is under way goes on. */
  stopAccepting(): void
  /** Cuts off what is left. */
  destroy(): void
}

export interface ServerParts {
  readonly app: App
  readonly host: Host
  readonly pipelining: number
  readonly onRequest: (inbound: Inbound) => void
}
