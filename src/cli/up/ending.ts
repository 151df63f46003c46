/** How `skein up` ends: asked once it drains, asked twice it kills. */
import type { Fleet } from '../../fleet/contract.ts'

/** Within this everything has drained and ended, or is killed, ms. */
const GRACE_MS = 4000

export class Ending {
  readonly #ended = Promise.withResolvers<void>()
  readonly #onFirst: () => void
  #fleet: Fleet | undefined
  #asked = 0

  /** `onFirst` is called when the end begins. */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst
  }

  /** Resolves when every process has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  get begun(): boolean {
    return this.#asked > 0
  }

  /** The fleet runs from now on; if the end was asked for while it started, it comes now. */
  begin(fleet: Fleet): void {
    this.#fleet = fleet
    if (this.#asked > 0) this.#close()
  }

  ask = (): void => {
    this.#asked++
    if (this.#asked === 1) this.#onFirst()
    if (this.#fleet !== undefined) this.#close()
    // Nothing to close in order yet; the children notice that their parent is gone and end.
    else if (this.#asked > 1) process.exit(1)
  }

  #close(): void {
    this.#fleet!.close(this.#asked === 1 ? GRACE_MS : 0).then(this.#ended.resolve, this.#ended.reject)
  }
}
