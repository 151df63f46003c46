import type { SkeinError } from './errors.ts'

type Listener = (reason: SkeinError) => void

/**
 * A cancellation with a reason. It runs its listeners at once, and costs a tenth of an AbortController with its signal and
 * events, of which most requests would need two and hear nothing.
 */
export class Cancel {
  reason: SkeinError | undefined
  #listeners: Listener[] | undefined
  #signal: AbortController | undefined

  /** The first reason counts. */
  cancel(reason: SkeinError): void {
    if (this.reason !== undefined) return
    this.reason = reason
    for (const listener of this.#listeners?.slice() ?? []) listener(reason)
    this.#signal?.abort(reason)
  }

  /** Calls `listener` once cancelled, at once if it is. Returns what takes it back. */
  on(listener: Listener): () => void {
    if (this.reason !== undefined) listener(this.reason)
    this.#listeners ??= []
    this.#listeners.push(listener)
    return () => this.#forget(listener)
  }

  /** The same for those who want a signal; made when first asked for. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#signal = new AbortController()
      if (this.reason !== undefined) this.#signal.abort(this.reason)
    }
    return this.#signal.signal
  }

  #forget(listener: Listener): void {
    const listeners = this.#listeners!
    const at = listeners.lastIndexOf(listener)
    if (at >= 0) listeners.splice(at, 1)
  }
}
