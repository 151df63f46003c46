/** Load by count: requests sent and not yet ended, the one to be sent included, so that weights count on idle endpoints. */
import type { Load, LoadObserver } from '../contract.ts'

export function inFlight(): Load {
  return new InFlight()
}

class InFlight implements Load {
  inFlight = 0
  #observer: LoadObserver | undefined
  #index = 0

  cost(): number {
    return this.inFlight + 1
  }

  begin(): void {
    this.inFlight++
    this.#observer?.changed(this.#index, this.inFlight)
  }

  end(): void {
    if (this.inFlight === 0) return
    this.inFlight--
    this.#observer?.changed(this.#index, this.inFlight)
  }

  forget(): void {}

  observe(observer: LoadObserver, index: number): void {
    if (this.#observer !== observer) this.#observer?.lost()
    this.#observer = observer
    this.#index = index
  }
}
