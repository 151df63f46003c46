/** How locks wait: for the KV to change, or a while. */
import { type Clock, sleep } from '../../../core/clock.ts'
import type { Api } from '../api.ts'
import type { KvPair } from '../kv-pair.ts'

/** How long the registry holds one question, ms. */
const WAIT_MS = 15_000
/** Between tries while nobody holds a lock, yet it is not to be had: the lock-delay after a holder that died, ms. */
const RETRY_MS = 1000

export interface Found {
  readonly pairs: readonly KvPair[]
  /** For the next question. */
  readonly index: number
}

/** The keys at a path once they have changed since `index`; undefined when `signal` ended the wait. */
export async function ask(
  api: Api,
  path: string,
  params: { readonly recurse?: true },
  index: number,
  signal: AbortSignal,
): Promise<Found | undefined> {
  try {
    const answer = await api.get(path, params, { index, waitMs: WAIT_MS, signal })
    // An index that goes down means a new history: begin again, or changes are slept through.
    const next = answer.index < index ? 0 : Math.max(1, answer.index)
    return { pairs: (answer.body ?? []) as KvPair[], index: next }
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
}

/** Ends early with `signal`. */
export async function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  try {
    await sleep(RETRY_MS, clock, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
