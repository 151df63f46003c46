/** Answers kept in memory and given again, as RFC 9111 lets a shared cache do. */
import { Store } from '../cache/store.ts'
import { type Check, either, fields, wholeNumber } from '../check.ts'

export interface CacheConfig {
  /** All answers of the route together; default 64 MiB. The one unused for longest goes first. */
  readonly maxBytes?: number
  /** A larger body is not kept; default 1 MiB. */
  readonly maxBodyBytes?: number
  /** For how long an answer that does not say so may be given again, s; default 0: it must say so itself. */
  readonly defaultSeconds?: number
}

export interface Cache {
  readonly config: Required<CacheConfig>
  readonly store: Store
  /** The rule's text: what is kept stays through a reload that does not change it. */
  readonly id: string
}

const DEFAULTS: Required<CacheConfig> = { maxBytes: 64 * 1024 * 1024, maxBodyBytes: 1024 * 1024, defaultSeconds: 0 }

export const checkCache: Check = either(
  [true, false],
  fields(
    { maxBytes: wholeNumber(1), maxBodyBytes: wholeNumber(1), defaultSeconds: wholeNumber(0, 31_536_000) },
    '{ maxBytes: 67108864 }',
  ),
)

export function cache(
  config: CacheConfig | boolean | undefined,
  route: string,
  before: Cache | undefined,
): Cache | undefined {
  if (!config) return undefined
  const id = JSON.stringify([route, config])
  if (before?.id === id) return before
  const full = { ...DEFAULTS, ...(config === true ? {} : config) }
  return { config: full, store: new Store(full.maxBytes), id }
}
