/**
 * All long polling is this one function. The numbers are those of the rules:
 *
 * B1  It blocks only when an index above 0 is given.
 * B2  Default wait 300 s, at most 600 s, plus a random 0 … wait/16. A wait of 0 or less counts as not given.
 * B3  It answers early only when the query's index is *greater* than the given one; an index from the future sleeps.
 * B4  At the deadline it answers the current data with its index.
 * B5  Errors are answered at once: reading throws before anything is held.
 * B6  Wake-ups are neither delayed nor merged.
 * B7  A client that goes away frees its watcher at once; a watcher is one closure and one timer.
 * B8  What changes nothing moves no index, hence wakes nobody (state/decide.ts).
 * B9  Where `suppress` is set, a wake-up whose answer would be byte-identical is kept back.
 * B10 An index is never 0: `Reading.index` is shown as at least 1.
 * B11 Indexes go on rising across restarts (storage.ts).
 * B12 Reading and waiting happen in one turn of the event loop, so no change falls between them.
 *
 * Closing the registry answers everything that is held, with the data of that moment.
 */
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { Refusal } from './state/refusal.ts'
import type { WatchHub } from './watch-hub.ts'

export const WAIT_DEFAULT_MS = 300_000
export const WAIT_MAX_MS = 600_000
/** A watcher costs about a kilobyte; beyond this many the registry says so instead of running out of memory. */
const WATCHERS_MAX = 16_384

export interface Question<R> {
  /** What to wait for. Every change of the answer must touch one of these. */
  readonly resources: readonly string[]
  /** The answer as of now; cheap, for it is asked again on every wake-up. */
  read(): R
  /** Is this an answer to give before the deadline? */
  isNews(reading: R): boolean
  /** Would this answer tell the client nothing new, compared to the first reading? Then it sleeps on (B9). */
  isSame?(first: R, reading: R): boolean
}

export interface Waiting {
  readonly hub: WatchHub
  readonly clock: Clock
  readonly random: Random
  /** Calls `run` once when the client has gone; returns the function that forgets it. */
  onGone(run: () => void): () => void
}

export async function blockingQuery<R>(
  question: Question<R>,
  waitMs: number | undefined,
  waiting: Waiting,
): Promise<R> {
  const first = question.read()
  if (question.isNews(first) || waiting.hub.closed) return first
  if (waiting.hub.size >= WATCHERS_MAX) {
    throw new Refusal(429, `Too many blocking queries are held (${WATCHERS_MAX}); watch fewer things or retry later`)
  }
  return hold(question, first, withJitter(waitMs, waiting.random), waiting)
}

/** B2. */
export function withJitter(waitMs: number | undefined, random: Random): number {
  const wait = Math.min(waitMs === undefined || waitMs <= 0 ? WAIT_DEFAULT_MS : waitMs, WAIT_MAX_MS)
  return wait + (random() * wait) / 16
}

function hold<R>(question: Question<R>, first: R, waitMs: number, waiting: Waiting): Promise<R> {
  const { hub, clock, onGone } = waiting
  return new Promise((resolve, reject) => {
    const timer = clock.after(waitMs, () => end(question.read))
    const leave = hub.add(question.resources, wake)
    const forget = onGone(() => end(() => first))

    /** Reading may fail, the thing having gone (B5): that ends this query, not the write that woke it. */
    function wake() {
      try {
        const reading = question.read()
        const news = question.isNews(reading) && question.isSame?.(first, reading) !== true
        if (news || hub.answering) end(() => reading)
      } catch (error) {
        end(() => Promise.reject(error))
      }
    }
    function end(read: () => R | Promise<R>) {
      timer.cancel()
      leave()
      forget()
      try {
        resolve(read())
      } catch (error) {
        reject(error)
      }
    }
  })
}
