import { affordableConnections } from '../core/descriptors.ts'

/** What one client may take up. Times in ms, sizes in bytes. Tests make them small; users do not set them (yet). */
export interface GatewayLimits {
  /** Connections of clients; default: half of the file descriptors, as each may need one to an instance. */
  readonly connections: number
  /** Header fields of a request, counted on the wire; more is 431. */
  readonly headerFields: number
  /** Request head in all; more is 431. */
  readonly headBytes: number
  /** Request target; more is 414. */
  readonly targetBytes: number
  /** From the first byte of a connection or request to the end of its head; slower is 408. */
  readonly headMs: number
  /** Silence in the middle of a request body, the whole of a small one (408); a client that stops reading (reset). */
  readonly bodyIdleMs: number
  /** Body where the route does not say; more is 413. */
  readonly bodyBytes: number
  /** A body of known length up to this is read before it is sent on, so that another instance can be tried with it. */
  readonly repeatableBytes: number
  /** Until the head of the answer to a body of more than that, where the route has no `timeoutMs`: it takes time to send. */
  readonly uploadMs: number
  /** Silence between two requests of a connection. */
  readonly keepAliveMs: number
  /** Requests a connection, then it is closed so that clients spread anew. */
  readonly requestsPerConnection: number
  /** How much of a refused body is still read, so that the client gets to see the answer instead of a reset. */
  readonly lingerBytes: number
  readonly lingerMs: number
  /** Until an instance accepts a WebSocket's connection, and until it answers the handshake. */
  readonly tunnelConnectMs: number
  readonly tunnelAnswerMs: number
  /** Silence in both directions of a WebSocket. */
  readonly tunnelIdleMs: number
  /** Answers that caches note while they pass, all routes together; one that would go beyond it is not kept. */
  readonly notingBytes: number
  /** Answers that caches keep, all routes together; what is unused for longest goes first. */
  readonly keptBytes: number
  /** How long `close` waits for answers and tunnels under way. */
  readonly drainMs: number
}

export const LIMITS: GatewayLimits = {
  connections: affordableConnections(2),
  headerFields: 100,
  headBytes: 16 * 1024,
  targetBytes: 8 * 1024,
  headMs: 10_000,
  bodyIdleMs: 30_000,
  bodyBytes: 100 * 1024 * 1024,
  repeatableBytes: 64 * 1024,
  uploadMs: 300_000,
  keepAliveMs: 60_000,
  requestsPerConnection: 10_000,
  lingerBytes: 1024 * 1024,
  lingerMs: 2_000,
  tunnelConnectMs: 1_000,
  tunnelAnswerMs: 5_000,
  tunnelIdleMs: 300_000,
  notingBytes: 64 * 1024 * 1024,
  keptBytes: 256 * 1024 * 1024,
  drainMs: 10_000,
}
