/** How loaded one endpoint is. The caller calls `begin` when a request is sent and `end` when its answer is complete. */
export interface Load {
  /** Requests sent and not yet ended. */
  readonly inFlight: number
  /**
   * Cost of sending one more request here: lower is better. In-flight: count + 1. Peak EWMA: estimate × (pending + 1), ms.
   * `now` (monotonic ms) spares reading the clock, which costs more than the rest.
   */
  cost(now?: number): number
  begin(): void
  /**
   * `latencyMs` until the answer's head; undefined when the call was cancelled and says nothing about the endpoint. With `isLeast`
   * it was given up after so long: the endpoint may be slower and is not known to be faster.
   */
  end(latencyMs: number | undefined, isLeast?: boolean): void
  /**
   * Drops what was learnt of latency, also from requests now in flight; they stay counted. For an endpoint that has been
   * ejected: how slow it was then says nothing about how it comes back, and would keep it without traffic for a minute.
   */
  forget(): void
  /** What the instance says of itself: 0 idle, 1 fully used. Only for metrics that have a use for it. */
  report?(utilisation: number): void
  /**
   * Only where the cost is `inFlight + 1`: `observer` is told of each change from now on, under this index. There is one at a
   * time; who observed before is told that it has lost.
   */
  observe?(observer: LoadObserver, index: number): void
}

export interface LoadObserver {
  changed(index: number, inFlight: number): void
  lost(): void
}
