/** A way to call a service, measured in a process of its own. */

export interface Setting {
  readonly registry: string
  /** The origin's, on 127.0.0.1. */
  readonly port: number
  /** As which the registry lists it; `GET /user/:id` is its operation `get`. */
  readonly service: string
  /** Calls under way at most. */
  readonly inFlight: number
}

/** Makes what calls once and resolves with the record in the answer's body, parsed. */
export type MakeCall = (setting: Setting) => Promise<() => Promise<unknown>>

/** To a child: measure. */
export interface Order {
  readonly inFlight: number
  readonly seconds: number
}

/** From a child: what was measured. */
export interface Outcome {
  readonly calls: number
  readonly seconds: number
  /** Of the whole process, user and system. */
  readonly cpuUs: number
  readonly p50Ms: number
  readonly p99Ms: number
}
