/**
 * What a gateway's workers and their supervisor say to each other. A worker is a process with a gateway in it that shares the
 * port with the others. The supervisor forks them, hands them the config, counts for their rate limits, passes on what
 * one of them finds out about an instance, and puts their pages together; requests of clients never pass through it.
 */
import type { Ejection } from '../../balance/outlier.ts'

/** A rate limit, told once; then only its number goes with each request. */
export interface LimitSpec {
  /** Route and rule: the same in every worker, and after a reload that did not change them. */
  readonly id: string
  readonly capacity: number
  readonly perMs: number
}

/** One token asked for: the number that its worker has given the limit, and whose bucket. */
export type TokenAsk = readonly [limit: number, key: string]

/** As a Verdict, without its names. */
export type TokenVerdict = readonly [taken: boolean, left: number, retryMs: number, fullMs: number]

/** Undefined = it is back. */
export interface HealthNews {
  readonly service: string
  readonly instance: string
  readonly ejection?: Ejection | undefined
}

/** A page as it goes to the client. */
export interface PageText {
  readonly status: number
  readonly text: string
}

/** How many of these are under way and were answered, for `/workers`. */
export interface WorkerCounts {
  readonly inFlight: number
  readonly requests: number
}

/** A listening that failed, in the words of the system. */
export interface ListenFailure {
  readonly message: string
  readonly code?: string | undefined
  readonly port?: number | undefined
  readonly syscall?: string | undefined
}

export type FromWorker =
  /** It listens. */
  | { readonly type: 'ready'; readonly port: number }
  /** It cannot, and ends. */
  | { readonly type: 'failed'; readonly failure: ListenFailure }
  /** The config with this number is in force; with a `problem` it is refused, and the one before goes on. */
  | { readonly type: 'taken'; readonly config: number; readonly problem?: string | undefined }
  /** Comes before what it is asked of the first time. */
  | { readonly type: 'limit'; readonly number: number; readonly spec: LimitSpec }
  /** Groups of tokens, each group together or not at all. All that were asked for in one turn of the event loop. */
  | { readonly type: 'ask-tokens'; readonly id: number; readonly groups: readonly (readonly TokenAsk[])[] }
  | { readonly type: 'health'; readonly news: HealthNews }
  | { readonly type: 'page'; readonly id: number; readonly page: PageText }
  | { readonly type: 'counts'; readonly id: number; readonly counts: WorkerCounts }
  | { readonly type: 'pong' }
  /** It ends in good order; its counters go on in the sums. */
  | { readonly type: 'last'; readonly metrics: string }

export type ToWorker =
  /** First of all; what is in it is the affair of whoever forks and runs workers. */
  | { readonly type: 'start'; readonly settings: unknown; readonly ticketKeys: string }
  /** What seals TLS sessions from now on, base64: a client that comes back may meet another worker. */
  | { readonly type: 'ticket-keys'; readonly ticketKeys: string }
  | { readonly type: 'config'; readonly config: number; readonly value: unknown; readonly port: number | undefined }
  | { readonly type: 'tokens'; readonly id: number; readonly groups: readonly (readonly TokenVerdict[])[] }
  | { readonly type: 'health'; readonly news: HealthNews }
  | { readonly type: 'ask-page'; readonly id: number; readonly target: string }
  | { readonly type: 'ask-counts'; readonly id: number }
  | { readonly type: 'ping' }
  /** End when what is under way has ended. */
  | { readonly type: 'drain' }
