/** The control API as a table. Bodies and answers are JSON; whatever goes wrong is `{error: {code, message, hint}}`. */
import { SkeinError } from '../core/errors.ts'
import type { Fleet } from '../fleet/contract.ts'

export interface ControlDeps {
  readonly fleet: Fleet
  /** What is told about the running system: addresses and the like, as JSON. */
  info(): unknown
}

/** `query` and `body` come from outside: untrusted. */
export interface ControlRequest {
  readonly query: URLSearchParams
  readonly body: unknown
}

export type Handler = (deps: ControlDeps, request: ControlRequest) => unknown

/** By `METHOD path`. What a handler returns is the answer. `GET /v1/logs` and `POST /v1/shutdown` are in server.ts: they are more than an answer. */
export const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /v1/pid': () => ({ pid: process.pid }),
  'GET /v1/info': ({ info }) => info(),
  'GET /v1/instances': ({ fleet }) => fleet.list(),
  'POST /v1/scale': async ({ fleet }, { body }) => {
    await fleet.scale(field(body, 'service', isString), field(body, 'instances', isNumber))
    return fleet.list()
  },
  'POST /v1/restart': async ({ fleet }, { body }) => {
    await fleet.restart(field(body, 'target', isString))
    return fleet.list()
  },
  'POST /v1/stop': async ({ fleet }, { body }) => {
    await fleet.stop(field(body, 'target', isString))
    return fleet.list()
  },
}

const isString = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number'

function field<T>(body: unknown, key: string, is: (value: unknown) => value is T): T {
  const value = (body as Readonly<Record<string, unknown>> | null)?.[key]
  if (is(value)) return value
  const wanted = is === (isString as unknown) ? 'a string' : 'a number'
  throw new SkeinError('INVALID_INPUT', `"${key}" must be ${wanted}`, {
    issues: [{ key, message: `must be ${wanted}` }],
  })
}

/** The filter of `GET /v1/logs?service=&instance=&last=&follow=`. */
export function logFilter(query: URLSearchParams): { service?: string; instance?: string; last?: number } {
  const [service, instance, last] = ['service', 'instance', 'last'].map((key) => query.get(key) ?? undefined)
  if (last !== undefined && !/^\d{1,6}$/.test(last)) {
    throw new SkeinError('INVALID_INPUT', `"last" must be a whole number of lines; got "${last}"`)
  }
  return {
    ...(service !== undefined && { service }),
    ...(instance !== undefined && { instance }),
    ...(last !== undefined && { last: Number(last) }),
  }
}
