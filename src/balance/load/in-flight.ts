/** Load by count: requests sent and not yet ended, the one to be sent included, so that weights count on idle endpoints. */
import type { Load } from '../contract.ts'

export function inFlight(): Load {
  let count = 0
  return {
    get inFlight() {
      return count
    },
    cost: () => count + 1,
    begin() {
      count++
    },
    end() {
      count = Math.max(0, count - 1)
    },
    forget() {},
  }
}
