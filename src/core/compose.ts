/** Middleware in the way of an onion: each step may act before and after the rest, or answer in its place. */

export type Next<R> = () => Promise<R>
export type Step<C, R> = (context: C, next: Next<R>) => Promise<R>

/**
 * Joins steps, outermost first, around `last`.
 * @throws Error when a step calls `next` twice: the rest would run twice.
 */
export function compose<C, R>(
  steps: readonly Step<C, R>[],
  last: (context: C) => Promise<R>,
): (context: C) => Promise<R> {
  return (context) => {
    let reached = -1
    const run = (index: number): Promise<R> => {
      if (index <= reached) return Promise.reject(new Error(`step ${index - 1}: next() called twice`))
      reached = index
      const step = steps[index]
      return step === undefined ? last(context) : step(context, () => run(index + 1))
    }
    return run(0)
  }
}
