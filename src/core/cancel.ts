import type { SkeinError } from './errors.ts'

/** Who wants to be told of a cancellation. */
export interface CancelListener {
  cancelled(reason: SkeinError): void
}

/**
 * A cancellation with a reason. It runs its listeners at once, and costs a tenth of an AbortController with its signal and
 * events, of which most requests would need two and hear nothing.
 */
export class Cancel {
  reason: SkeinError | undefined
  /** Most have one listener, and need no list. */
  #first: CancelListener | undefined
  #others: CancelListener[] | undefined
  #signal: AbortController | undefined

  /** The first reason counts. */
  cancel(reason: SkeinError): void {
    if (this.reason !== undefined) return
    this.reason = reason
    const others = this.#others?.slice() ?? []
    this.#first?.cancelled(reason)
    for (const listener of others) if (this.#others!.includes(listener)) listener.cancelled(reason)
    this.#signal?.abort(reason)
  }

  /** Tells `listener` once cancelled, at once if it is. */
  add(listener: CancelListener): void {
    if (this.reason !== undefined) listener.cancelled(this.reason)
    else if (this.#first === undefined && this.#others === undefined) this.#first = listener
    else {
      this.#others ??= []
      this.#others.push(listener)
    }
  }

  /** Does nothing for who is not there. */
  remove(listener: CancelListener): void {
    if (this.#first === listener) this.#first = undefined
    else {
      const at = this.#others?.indexOf(listener) ?? -1
      if (at >= 0) this.#others!.splice(at, 1)
    }
  }

  /** The same with a function. Returns what takes it back. */
  on(cancelled: (reason: SkeinError) => void): () => void {
    const listener = { cancelled }
    this.add(listener)
    return () => this.remove(listener)
  }

  /** The same for those who want a signal; made when first asked for. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#signal = new AbortController()
      if (this.reason !== undefined) this.#signal.abort(this.reason)
    }
    return this.#signal.signal
  }
}
