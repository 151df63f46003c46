/** Middleware in the way of an onion: each step may act before and after the rest, or answer in its place. */

/** The rest, for the same context. To be called once at most. */
export type Next<C, R> = (context: C) => Promise<R>
export type Step<C, R> = (context: C, next: Next<C, R>) => Promise<R>

/**
 * Joins steps, outermost first, around `last`. The chain is made once: a `next` that knew its context would have to be made
 * for each step of each request. The price is that a step which calls it twice is not found out.
 */
export function compose<C, R>(steps: readonly Step<C, R>[], last: Next<C, R>): Next<C, R> {
  return steps.reduceRight<Next<C, R>>((next, step) => (context) => step(context, next), last)
}
