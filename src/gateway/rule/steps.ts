/** The user's own steps: plain functions in the configuration, run in order for each request of a route. */
import { type Check, either, listOf } from '../check.ts'

/**
 * May look at a request, change what the upstream or the client gets, or answer by itself with a `Response`. What it throws is
 * a 500, and logged; a `SkeinError` is the answer that its code says.
 */
export type CustomStep =
  | ((request: StepRequest) => Response | undefined | Promise<Response | undefined>)
  | ((request: StepRequest) => void | Promise<void>)

/** The request as a custom step sees it. Its body is not read yet, and stays unread. */
export interface StepRequest {
  readonly method: string
  /** Without query; normalised, as routes see it. */
  readonly path: string
  readonly query: URLSearchParams
  /** Lower case, without port. */
  readonly host: string
  /** Of the route's path. */
  readonly params: Readonly<Record<string, string>>
  /** The client's own fields; names in any case. */
  readonly headers: { get(name: string): string | undefined }
  /** Of the client: the peer, or whom trusted proxies name. */
  readonly ip: string
  readonly requestId: string
  readonly route: string
  /** Who API key or token say it is; undefined where the route asks for none. */
  readonly subject: string | undefined
  /** Aborted when the client has gone or the step has taken too long. */
  readonly signal: AbortSignal
  /** For the upstream, in place of the client's. @throws TypeError for a name or value that may not be sent. */
  setHeader(name: string, value: string): void
  removeHeader(name: string): void
  /** For the client, in place of the upstream's. @throws TypeError */
  setAnswerHeader(name: string, value: string): void
}

const isFunction: Check = (value, report) => {
  if (typeof value !== 'function') report('is not a function', 'Write `async (request) => { … }`.')
}

export const checkSteps: Check = either([false], listOf(isFunction, '[async (request) => {}]'))
