/** One piece of work for many who ask: who asks while it is under way shares the next run, which begins after he asked. */
export class NextRun<T> {
  readonly #work: () => Promise<T>
  #running: Promise<unknown> = Promise.resolve()
  #next: Promise<T> | undefined

  /** `work` must not reject. */
  constructor(work: () => Promise<T>) {
    this.#work = work
  }

  ask(): Promise<T> {
    this.#next ??= this.#running.then(() => {
      this.#running = this.#next!
      this.#next = undefined
      return this.#work()
    })
    return this.#next
  }
}
