/** What one message may take up. Sizes in bytes. The defaults are safe at the edge (Envoy's guide, nginx's and Node's defaults). */
export interface HeadLimits {
  /** A head in all, its empty line included; more is 431. */
  readonly headBytes: number
  /** Header fields; more is 431. */
  readonly headerFields: number
  /** The request target; more is 414. */
  readonly targetBytes: number
}

export interface ConnectionLimits extends HeadLimits {
  /** From the first byte of a connection or request to the end of its head, ms. */
  readonly headMs: number
  /** Silence between two requests, ms. */
  readonly keepAliveMs: number
  /** Requests a connection, then it is closed so that clients spread anew. */
  readonly requestsPerConnection: number
  /** How long a client may take nothing of what is written to it, ms; Infinity where whoever answers sees to that. */
  readonly stallMs: number
  /** How much of an unwanted body is still read after its answer, so that the client gets to see that instead of a reset. */
  readonly lingerBytes: number
  readonly lingerMs: number
  /** Requests of one connection that are served at the same time; the answers go out in order. */
  readonly pipelining: number
}

export const HEAD_LIMITS: HeadLimits = { headBytes: 16 * 1024, headerFields: 100, targetBytes: 8 * 1024 }

/** Digits of a chunk's size: 12 hex digits are 256 TiB. */
export const CHUNK_SIZE_DIGITS = 12
/** Extensions of one chunk; nobody uses them, and unbounded they are a way to send much that counts for nothing. */
export const CHUNK_EXTENSION_BYTES = 256
/** Extensions of all chunks of a body. */
export const CHUNK_EXTENSIONS_BYTES = 16 * 1024
/** What a body may keep in memory while nobody takes it; then its connection is paused. */
export const HELD_BYTES = 64 * 1024
/** Pieces of it; more are joined. A client may send chunks of a byte each, and what a piece costs is not its bytes. */
export const HELD_PIECES = 256
/** Interim answers (1xx) before the final one. */
export const INTERIM_MAX = 16
