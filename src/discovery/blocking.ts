/** Blocking queries: what makes one, and how long to wait for its answer. */

const DEFAULT_WAIT_MS = 300_000
const WAIT_MARGIN_MS = 5_000

export interface BlockingOptions {
  /** Makes it a blocking query: answer when the index is greater than this one. 0 or absent = at once. */
  readonly index?: number | undefined
  /** How long the registry may hold a blocking query, ms. Default: the registry's (300,000). */
  readonly waitMs?: number | undefined
}

/** Index 0 is "tell me now". */
export function isBlocking({ index }: BlockingOptions): boolean {
  return index !== undefined && index > 0
}

/** Adds `index` and `wait` to a path, which may have a query already. */
export function withWait(path: string, { index, waitMs }: BlockingOptions): string {
  const query = [`index=${index}`]
  if (waitMs !== undefined) query.push(`wait=${waitMs}ms`)
  return `${path}${path.includes('?') ? '&' : '?'}${query.join('&')}`
}

/** The server adds up to a sixteenth; the rest is for the way. */
export function patience({ waitMs = DEFAULT_WAIT_MS }: BlockingOptions): number {
  return (waitMs * 17) / 16 + WAIT_MARGIN_MS
}
