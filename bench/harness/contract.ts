/** What a bench is made of: cases, peers, and one measurement of one peer in one case. */

/** One round of one peer in one case. What a case does not measure is absent. */
export interface Sample {
  readonly cpuUsPerRequest?: number | undefined
  readonly requestsPerSecond?: number | undefined
  readonly p50Ms?: number | undefined
  readonly p99Ms?: number | undefined
  /** Memory for each idle connection. */
  readonly bytesPerConnection?: number | undefined
  /** Requests that failed: a figure with such ones is marked. */
  readonly errors?: number | undefined
}

export type Figure = Exclude<keyof Sample, 'errors'>

/** `skein ÷ against ≤ atMost`, or with `against` absent: Skein's own figure ≤ atMost. */
export interface Goal {
  /** A peer, or `node` for the best of the Node peers. */
  readonly against?: string
  readonly figure: Figure
  readonly atMost: number
  /** Not the figure but how much it is above the peer's. */
  readonly difference?: boolean
}

/** A median over all rounds, or why there is none. */
export interface Measurement {
  readonly bench: string
  readonly case: string
  readonly peer: string
  readonly result: Sample | { readonly missing: string }
}

export interface BenchCase {
  readonly name: string
  /** One line: what is sent. */
  readonly what: string
  readonly goals: readonly Goal[]
}
