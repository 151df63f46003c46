/**
 * How many retries a client may add: a share of what it sends anyway. A fixed number of attempts per call multiplies load
 * exactly when the upstream is weakest (three layers of three attempts make 27); a budget bounds the whole.
 */

export interface RetryBudgetOptions {
  /** Retries under way at most, in percent of requests under way; default 20. */
  readonly percent?: number | undefined
  /** Always allowed at a time, so that a quiet client may retry at all; default 3. */
  readonly minimum?: number | undefined
}

export interface RetryBudget {
  /** A call begins; call the returned function when it ends, all attempts included. */
  request(): () => void
  /** Asks for one retry: the function to call when that attempt ends, or undefined when the budget is spent. */
  retry(): (() => void) | undefined
  /** Calls that have not ended. */
  calls(): number
  /** Retries that have not ended. */
  underWay(): number
  /** Retries at a time, by the requests under way now. */
  allowed(): number
}

/** Envoy's form: max(floor(percent × requests under way), minimum). Source: circuit_breaker.proto RetryBudget. */
export function retriesAllowed(active: number, percent: number, minimum: number): number {
  return Math.max(Math.floor((active * percent) / 100), minimum)
}

export function createRetryBudget({ percent = 20, minimum = 3 }: RetryBudgetOptions = {}): RetryBudget {
  const requests = counter()
  const retries = counter()
  const allowed = () => retriesAllowed(requests.count(), percent, minimum)
  return {
    request: requests.begin,
    retry: () => (retries.count() < allowed() ? retries.begin() : undefined),
    calls: requests.count,
    underWay: retries.count,
    allowed,
  }
}

/** A count of what is under way; each `begin` is undone once, however often its function is called. */
function counter(): { count(): number; begin(): () => void } {
  let count = 0
  return {
    count: () => count,
    begin() {
      count++
      let running = true
      return () => {
        if (running) count--
        running = false
      }
    },
  }
}
